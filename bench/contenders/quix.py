"""Quix Streams: the same step with the state as bytes in its own store (RocksDB and a changelog), signals to a topic.

Settings: at least once and a checkpoint each 5 s, its defaults; the producer may linger 20 ms for larger batches, as
its guide to throughput advises.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from quixstreams import Application, State, message_context

from bench.contenders.brain import Brain, decode_state, encode_state
from bench.contenders.watch import Stopwatch, Task, task

NAME = "deal"


def main(given: Task) -> None:
    """Run until the last event is done and the checkpoint is written."""
    brain, watch = Brain(given.kinds), Stopwatch()
    left = count(given.events - 1, -1)
    app: Application = Application(
        broker_address=given.servers,
        consumer_group=given.run,
        auto_offset_reset="earliest",
        state_dir=given.folder,
        producer_extra_config={"linger.ms": 20},
        loglevel="WARNING",
        on_message_processed=lambda *_: next(left) or app.stop(),
    )
    events = app.topic(given.topic, key_deserializer="bytes", value_deserializer="bytes")
    out = app.topic(given.out, key_serializer="bytes", value_serializer="bytes")

    def detect(value: bytes, state: State) -> Iterator[bytes]:
        watch.start()
        held = state.get_bytes(NAME)
        place = message_context()
        after, transitions = brain.decided(None if held is None else decode_state(held), value, place.offset)
        if after is None:
            state.delete(NAME)
        else:
            state.set_bytes(NAME, encode_state(after))
        return brain.encoded(transitions, place.partition)

    frame = app.dataframe(events)
    frame = frame.apply(detect, stateful=True, expand=True)
    frame.to_topic(out)
    app.run()
    watch.report(given.events, transitions=brain.transitions)


if __name__ == "__main__":
    main(task())
