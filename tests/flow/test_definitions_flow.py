"""Definitions through the programs, without a broker: who waits for a version, who switches, who takes whose words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Sequence
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from alerts.courier import World
from alerts.metrics import Metrics
from engine.records import Batch, Output, Record
from playbook.load import Loaded
from playbook.model import Owner, Playbook
from programs.detect import Detect, MakeDetect
from programs.join import make_join
from programs.notify import World as NotifyWorld
from programs.notify import make_fanout
from programs.published import Published
from programs.route import make_route
from programs.send import Send, Terminal, make_world
from programs.times import Times
from signals.metrics import DetectMetrics, JoinMetrics
from signals.partition import versions_in
from tests.flow.voice_line import VoiceLine, at_once
from tests.flow.voice_world import DictStore, batch
from tests.golden.messages.samples import ANN, PLAYBOOK, PLAYBOOK_HASH, opened
from tests.unit.brain_story import PLAYBOOK as STORY
from tests.unit.brain_story import at, created, tick
from tests.unit.brain_streams import examples
from tests.unit.definition_panels import CHANGES, switch_to
from topics.catalog import DEAL_EVENTS, DEAL_SIGNALS, PEOPLE_EVENTS, ROUTE_PREFIX
from topics.codec import decode_deal_event, decode_signal, encode
from topics.events import DealEvent, EngagementSeen, IntentSeen, PeopleEvent, event_id
from topics.signals import Kind

D1 = "crm/acme:D1"


def story(version: str) -> Loaded:
    return Loaded(Playbook.model_validate(STORY | CHANGES[version]), version)


def known(*versions: str) -> Published:
    """What is known where these have been published."""
    published = Published(story("story"))
    for version in versions:
        published._known[version] = story(version)
    return published


def publish(published: Published, version: str) -> None:
    """The version appears on the topic."""
    published._known[version] = story(version)
    news, published._news = published._news, asyncio.Event()
    news.set()


def detect(published: Published, store: DictStore) -> Detect:
    make = MakeDetect(published.panel("story"), Times("data"), published)
    make.report_to(DetectMetrics(CollectorRegistry(), make.served))
    return make(0, store)


def events(topic: str, log: Sequence[DealEvent | PeopleEvent], first: int = 0) -> Batch:
    rows = [(first + n, event) for n, event in enumerate(log)]
    return Batch(topic, 0, tuple(Record(topic, 0, n, at(n), event.key.encode(), encode(event)) for n, event in rows))


LOG: list[DealEvent] = [created(at(0), D1, stage="Lead", need=True), tick(at(6)), switch_to("shorter"), tick(at(7))]


async def test_detect_waits_for_a_version_and_decides_nothing_meanwhile() -> None:
    published, store = known(), DictStore()
    waiting = detect(published, store).process(events(DEAL_EVENTS, LOG))
    assert isinstance(waiting, Awaitable)
    task = asyncio.ensure_future(waiting)
    await asyncio.sleep(0.01)
    assert not task.done()
    assert list(store.items()) == []
    publish(published, "shorter")
    outputs = await asyncio.wait_for(task, 1)
    assert outputs == at_once(detect(known("shorter"), DictStore()).process(events(DEAL_EVENTS, LOG)))
    versions = {decode_signal(one.value or b"").playbook for one in outputs if one.topic == DEAL_SIGNALS}
    assert versions == {"story", "shorter"}


async def test_a_restarted_detect_waits_for_what_its_log_has_named() -> None:
    store = DictStore()
    at_once(detect(known("shorter"), store).process(events(DEAL_EVENTS, LOG)))
    assert versions_in(store) == ("story", "shorter")
    published = known()
    make = MakeDetect(published.panel("story"), Times("data"), published)
    make.report_to(DetectMetrics(CollectorRegistry(), make.served))
    again = make(0, store)
    assert make.served() == []
    waiting = again.process(events(DEAL_EVENTS, [tick(at(8))], 4))
    assert isinstance(waiting, Awaitable)
    task = asyncio.ensure_future(waiting)
    await asyncio.sleep(0.01)
    assert not task.done()
    publish(published, "shorter")
    await asyncio.wait_for(task, 1)
    (served,) = make.served()
    assert (served.version, served.switched) == ("shorter", True)


async def test_a_wait_that_is_broken_off_leaves_nothing_behind() -> None:
    published, store = known(), DictStore()
    waiting = detect(published, store).process(events(DEAL_EVENTS, LOG))
    assert isinstance(waiting, Awaitable)
    task = asyncio.ensure_future(waiting)
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (list(store.items()), published.why_waiting()) == ([], None)


# Join: what an engagement is called ---------------------------------------------------------------------------------


def engagement(n: int, kind: str, deal: str | None = D1) -> EngagementSeen:
    return EngagementSeen(
        id=event_id("seen", n), key=f"web:{deal or n}", source="web", at_us=at(n), kind=kind, data={}, deal=deal
    )


def with_intents(version: str, **intents: str) -> Loaded:
    """The story with other intents: name to the kind that is one."""
    content = [{"name": name, "when": f'kind == "{kind}"'} for name, kind in intents.items()]
    return Loaded(Playbook.model_validate(STORY | {"intents": content}), version)


def joining(store: DictStore) -> tuple[object, Published]:
    published = known()
    for loaded in (with_intents("pages", looked="page"), with_intents("none")):
        published._known[loaded.hash] = loaded
    make = make_join
    metrics, times = JoinMetrics(CollectorRegistry()), Times("data")
    return make(published.intents("story"), metrics, times, 0, store, published=published), published


def joined(store: DictStore, log: Sequence[PeopleEvent], cuts: Sequence[int] = ()) -> list[Output]:
    """What the join makes of a log, in batches, each by a worker of its own."""
    outputs: list[Output] = []
    for begin, end in pairwise(sorted({0, len(log), *(cut for cut in cuts if cut < len(log))})):
        processor, _ = joining(store)
        outputs += at_once(processor.process(events(PEOPLE_EVENTS, log[begin:end], begin)))  # type: ignore[attr-defined]  # a Join
    return outputs


def named(outputs: list[Output]) -> list[str]:
    found = [decode_deal_event(one.value or b"") for one in outputs if one.topic == DEAL_EVENTS]
    return [one.intent for one in found if isinstance(one, IntentSeen)]


def test_an_engagement_is_called_by_what_counts_at_its_offset() -> None:
    log: list[PeopleEvent] = [
        engagement(0, "page"),
        switch_to("pages"),
        engagement(1, "page"),
        engagement(2, "demo"),
        switch_to("none"),
    ]
    log += [engagement(3, "page"), switch_to("story"), engagement(4, "page"), engagement(5, "demo")]
    assert named(joined(DictStore(), log)) == ["pricing_page", "looked", "pricing_page", "demo_request"]


@given(
    st.lists(
        st.one_of(
            st.builds(engagement, st.integers(0, 99), st.sampled_from(["page", "demo"]), st.sampled_from([D1, None])),
            st.builds(switch_to, st.sampled_from(["story", "pages", "none"]), st.integers(0, 99)),
        ),
        max_size=12,
    ),
    st.lists(st.integers(0, 12), max_size=4),
)
@examples(50)
def test_neither_batches_nor_restarts_change_what_an_engagement_is_called(
    log: list[PeopleEvent], cuts: list[int]
) -> None:
    whole, parts = DictStore(), DictStore()
    once = [one._replace(timestamp_us=None) for one in joined(whole, log)]
    assert [one._replace(timestamp_us=None) for one in joined(parts, log, cuts)] == once
    assert dict(parts.items()) == dict(whole.items())


async def test_join_waits_for_a_version() -> None:
    store = DictStore()
    processor, published = joining(store)
    waiting = processor.process(events(PEOPLE_EVENTS, [switch_to("shorter"), engagement(1, "page")]))  # type: ignore[attr-defined]  # a Join
    task = asyncio.ensure_future(waiting)
    await asyncio.sleep(0.01)
    assert not task.done()
    assert list(store.items()) == []
    publish(published, "shorter")
    assert named(list(await asyncio.wait_for(task, 1))) == ["pricing_page"]


# The voice: each signal by the definitions that it names ------------------------------------------------------------

NEW_ANN = ANN.model_copy(update={"slack": None, "email": "ann@new.example.com"})
OTHER = PLAYBOOK.model_copy(
    update={
        "owners": (NEW_ANN, Owner(name="Lee Lead", slack="U0LEE0001")),
        "intents": (PLAYBOOK.intents[0].model_copy(update={"route": "elsewhere"}),),
        "fallback_channel": "C0OTHER",
    }
)


@pytest.fixture
def voices() -> Published:
    published = Published(Loaded(PLAYBOOK, PLAYBOOK_HASH))
    published._known["sha256:other"] = Loaded(OTHER, "sha256:other")
    return published


def by(version: str, kind: Kind) -> bytes:
    return encode(msgspec.structs.replace(opened(kind), playbook=version))


def test_an_intent_goes_where_its_own_definitions_send_it(voices: Published) -> None:
    route = make_route(voices, Metrics(CollectorRegistry()), 0, DictStore())
    values = [by(PLAYBOOK_HASH, Kind.HIGH_INTENT), by("sha256:other", Kind.HIGH_INTENT)]
    outputs = at_once(route.process(batch(DEAL_SIGNALS, values)))
    assert [one.topic for one in outputs] == [f"{ROUTE_PREFIX}sales-now", f"{ROUTE_PREFIX}elsewhere"]


def test_the_owner_is_told_under_the_address_of_the_signals_definitions(voices: Published) -> None:
    fanout = make_fanout(NotifyWorld(voices, Metrics(CollectorRegistry())), 0, DictStore())
    values = [by(PLAYBOOK_HASH, Kind.CONTACT_GAP), by("sha256:other", Kind.CLOSE_DATE_PUSHED)]
    told = [json.loads(one.value or b"") for one in at_once(fanout.process(batch(DEAL_SIGNALS, values)))]
    assert [(one["recipient"].get("slack"), one["recipient"].get("email")) for one in told] == [
        ("U0ANN0001", None),
        (None, "ann@new.example.com"),
    ]


async def test_a_version_on_its_way_is_waited_for_and_one_that_nobody_published_is_not(voices: Published) -> None:
    class Topic:
        async def caught_up(self) -> None:
            voices._known["sha256:coming"] = Loaded(OTHER, "sha256:coming")

    voices._topic = Topic()
    route = make_route(voices, Metrics(CollectorRegistry()), 0, DictStore())
    values = [by("sha256:coming", Kind.HIGH_INTENT), by("sha256:another worker's file", Kind.HIGH_INTENT)]
    found = route.process(batch(DEAL_SIGNALS, values))
    assert isinstance(found, Awaitable)
    assert [one.topic for one in await found] == [f"{ROUTE_PREFIX}elsewhere", f"{ROUTE_PREFIX}sales-now"]
    assert [one.topic for one in at_once(route.process(batch(DEAL_SIGNALS, values)))] == [
        f"{ROUTE_PREFIX}elsewhere",
        f"{ROUTE_PREFIX}sales-now",
    ]


async def test_the_fallback_channel_is_that_of_the_signals_definitions(voices: Published) -> None:
    line = VoiceLine(Terminal(lambda _text: None))
    world: World = make_world(voices, Terminal(lambda _text: None), line.metrics)
    send = Send(world, DictStore(), published=voices)
    await line.tell(opened(Kind.CONTACT_GAP))
    (delivery,) = line.outbox()
    other = msgspec.structs.replace(delivery, signal=msgspec.structs.replace(delivery.signal, playbook="sha256:other"))
    assert send._courier(delivery)._world.fallback == "C0FALLBACK"
    assert send._courier(other)._world.fallback == "C0OTHER"
    assert send._courier(delivery) is send._courier(delivery)
