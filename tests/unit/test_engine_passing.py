"""Which errors of the broker waiting may mend."""

from __future__ import annotations

import pytest
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    RequestTimedOutError,
    TopicAuthorizationFailedError,
)

from engine.reach import may_pass

CASES = (
    (RequestTimedOutError(), True),
    (KafkaConnectionError(), True),
    # seen with one broker of three standing still: the clock's look at the log took too long, and ingest ended
    (KafkaTimeoutError("Failed to get offsets by times in 10000 ms"), True),
    (TopicAuthorizationFailedError("deal.events"), False),
    (KafkaError(), False),
)


@pytest.mark.parametrize(("error", "passes"), CASES, ids=[type(error).__name__ for error, _ in CASES])
def test_what_may_pass(error: KafkaError, passes: bool) -> None:  # noqa: FBT001  # a column of the table
    assert may_pass(error) is passes
