"""A broker that leaves out itself what aborted transactions wrote must not be helped.

Kafka sends such records, with a list of the transactions that were aborted among them, and the client leaves them out.
Seen: the embedded broker leaves them out itself and lists every aborted transaction of the partition, however long ago;
a client that begins after one then drops all that the same producer has committed since. So there the list is ignored.
"""

from __future__ import annotations

from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.fetch import FetchRequest

from engine.embedded import CLUSTER_ID


def heed_omissions(client: AIOKafkaClient) -> None:
    """Let the client do so. It must not have been started yet: the broker says who it is when it is met."""
    send, update = client.send, client.cluster.update_metadata
    omits = False

    def noted(metadata: Any) -> None:  # noqa: ANN401  # aiokafka's answer
        nonlocal omits
        omits = getattr(metadata, "cluster_id", None) == CLUSTER_ID
        update(metadata)

    async def sent(node: int, request: object, **options: object) -> Any:  # noqa: ANN401  # as above
        answer = await send(node, request, **options)
        if omits and isinstance(request, FetchRequest):
            answer.topics = [(topic, [_without(one) for one in partitions]) for topic, partitions in answer.topics]
        return answer

    client.send, client.cluster.update_metadata = sent, noted


def _without(partition: tuple[Any, ...]) -> tuple[Any, ...]:
    """A partition's part of the answer without its one list, the transactions that were aborted."""
    return tuple([] if isinstance(one, list) else one for one in partition)
