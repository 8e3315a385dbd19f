"""Any mixture of faults and deaths: one message in the end, which is what the ledger says it is."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.audience import person
from alerts.calls import Calls, slack_client
from alerts.courier import World
from alerts.ledger import State
from alerts.reasons import Reason
from alerts.retry import Patience
from alerts.slack import Slack
from alerts.values import Delivery, Op
from programs.send import Send, StoredLedger
from tests.flow.voice_world import NOW_US, Crash, DictStore, deliveries, hurried, world
from tests.golden.messages.samples import ANN, opened, resolved, updated
from tests.integration.slack_server import BROKEN, DROPPED_AFTER, DROPPED_BEFORE, TOKEN, Fault, SlackServer, not_ok
from topics.signals import Kind

SIGNAL = opened(Kind.CLOSE_DATE_PUSHED)
STEPS = (SIGNAL, updated(SIGNAL), resolved(SIGNAL))
PATIENCE = Patience(backoff_s=(0.0,), barred_s=0.0, look_after_s=(0.0, 0.0), attempts=100)
LIMITED = Fault(status=429, error="ratelimited", retry_after="0")

UNCLEAR = st.sampled_from(
    [LIMITED, BROKEN, DROPPED_AFTER, DROPPED_BEFORE, not_ok("token_revoked"), Fault(error="fatal_error", keeps=True)]
)
FAULTS = st.fixed_dictionaries(
    {
        "chat.postMessage": st.lists(UNCLEAR, max_size=4),
        "chat.update": st.lists(UNCLEAR, max_size=3),
        "conversations.open": st.lists(UNCLEAR, max_size=2),
        "conversations.history": st.lists(st.sampled_from([LIMITED, BROKEN, DROPPED_AFTER]), max_size=3),
    }
)
DEATHS = st.lists(st.tuples(st.integers(1, 8), st.booleans()), max_size=4)


@settings(max_examples=60, deadline=None)
@given(faults=FAULTS, deaths=DEATHS, lag=st.booleans())
def test_one_message_in_the_end(faults: dict[str, list[Fault]], deaths: list[tuple[int, bool]], lag: bool) -> None:  # noqa: FBT001 - drawn
    asyncio.run(_live(faults, deaths, lag=lag))


async def _live(faults: dict[str, list[Fault]], deaths: list[tuple[int, bool]], *, lag: bool) -> None:
    async with SlackServer(lambda: NOW_US / 1e6) as slack:
        slack.history_lag = int(lag)
        for method, planned in faults.items():
            slack.fail(method, *planned)
        store = DictStore()
        for flush, after in [*deaths, (0, True)]:
            store = DictStore(store.durable)
            store.crash_at, store.crash_after = flush, after
            await _one_life(slack, store)
        (message,) = slack.said()
        assert len(slack.replies()) <= 1
        (key,) = store.durable
        entry = StoredLedger(store).get(key.decode())
        assert entry is not None
        assert (entry.state, entry.ts, entry.seq) == (State.SAID, message["ts"], len(STEPS))
        assert message["text"].startswith("✅")


async def _one_life(slack: SlackServer, store: DictStore) -> None:
    try:
        await Send(_world(slack), store).process(deliveries(*(_delivery(seq) for seq in range(1, len(STEPS) + 1))))
    except* Crash:
        pass


def _world(slack: SlackServer) -> World:
    made = world(None, patience=PATIENCE)  # type: ignore[arg-type]  # the voice needs the world's metrics
    voice = Slack(Calls(slack_client(TOKEN, slack.url, 2), made.metrics, hurried()))
    return World(**{name: getattr(made, name) for name in made.__slots__} | {"voice": voice})


def _delivery(seq: int) -> Delivery:
    return Delivery(
        seq=seq,
        op=Op.POST if seq == 1 else Op.EDIT,
        reason=Reason.TOLD,
        via=Reason.AS_OWNER,
        recipient=person(ANN),
        signal=STEPS[seq - 1],
    )
