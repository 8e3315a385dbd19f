"""What a running program knows of published definitions, and what it does about those that it does not."""

from __future__ import annotations

import asyncio

import pytest

from engine.records import Record
from playbook.load import Loaded, load
from programs.definitions import default_playbook, default_text
from programs.published import Published
from signals.definitions import UnknownDefinitionsError
from topics.catalog import DEFINITIONS
from topics.codec import encode
from topics.definitions import CurrentDefinitions, PublishedPlaybook

OWN = default_playbook()
OTHER_TEXT = default_text().replace("stage_overstay: {days: 30}", "stage_overstay: {days: 5}")
OTHER = load(OTHER_TEXT, "other")


def record(value: object, offset: int = 0) -> Record:
    return Record(DEFINITIONS, 0, offset, 0, b"key", value if isinstance(value, bytes) else encode(value))


def stood(loaded: Loaded, text: str) -> Record:
    return record(PublishedPlaybook(version=loaded.hash, name="n", text=text, published_at="2026-01-01T00:00:00Z"))


class Topic:
    """A topic of which everything is known when a test says so."""

    def __init__(self) -> None:
        self.read = asyncio.Event()
        self.asked = 0

    async def caught_up(self) -> None:
        """Return once the test has said so."""
        self.asked += 1
        await self.read.wait()


def with_topic(topic: Topic) -> Published:
    published = Published(OWN)
    published._topic = topic
    return published


def test_the_own_file_is_known_from_the_start() -> None:
    published = Published(OWN)
    assert published.panel(OWN.hash).rules.version == OWN.hash
    assert published.intents(OWN.hash).version == OWN.hash
    assert published.missing([OWN.hash, OTHER.hash]) == [OTHER.hash]
    assert published.why_waiting() is None


def test_a_published_version_is_compiled_once_under_the_name_that_it_was_published_by() -> None:
    published = Published(OWN)
    published.take(stood(OTHER, OTHER_TEXT))
    panel = published.panel(OTHER.hash)
    assert panel is published.panel(OTHER.hash)
    assert panel.rules.playbook == OTHER.playbook
    older = Loaded(OTHER.playbook, "sha256:as an earlier release counted")
    published.take(stood(older, OTHER_TEXT))
    assert published.panel(older.hash).rules.version == older.hash


def test_what_is_not_known_cannot_be_compiled() -> None:
    published = Published(OWN)
    for compiled in (published.panel, published.intents):
        with pytest.raises(UnknownDefinitionsError, match=OTHER.hash):
            compiled(OTHER.hash)


@pytest.mark.parametrize(
    "value",
    [b"", b"\xff", b"{}", encode(CurrentDefinitions(playbook=OTHER.hash, id="x", at_us=0))],
    ids=["a tombstone", "no text", "nothing of ours", "what was published last"],
)
def test_what_defines_nothing_changes_nothing(value: bytes) -> None:
    published = Published(OWN)
    published.take(record(value))
    assert published.missing([OTHER.hash]) == [OTHER.hash]


async def test_who_waits_goes_on_as_soon_as_the_version_appears_and_is_not_ready_until_then() -> None:
    topic = Topic()
    topic.read.set()
    published = with_topic(topic)
    waits = asyncio.create_task(published.wait_for([OWN.hash, OTHER.hash]))
    await asyncio.sleep(0.01)
    assert not waits.done()
    assert published.why_waiting() == (
        f"unknown definitions {OTHER.hash}: publish their file with `signals playbook publish --only-store`, "
        "or `signals baseline publish --only-store`"
    )
    published.take(stood(OTHER, OTHER_TEXT))
    await asyncio.wait_for(waits, 1)
    assert published.why_waiting() is None


async def test_a_wait_that_is_broken_off_is_no_reason_any_more() -> None:
    topic = Topic()
    topic.read.set()
    published = with_topic(topic)
    first, second = (asyncio.create_task(published.wait_for([OTHER.hash])) for _ in range(2))
    await asyncio.sleep(0.01)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert published.why_waiting() is not None
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    assert published.why_waiting() is None


async def test_a_version_that_this_release_cannot_read_is_said_with_its_reason() -> None:
    topic = Topic()
    topic.read.set()
    published = with_topic(topic)
    published.take(stood(OTHER, OTHER_TEXT + "a_part_of_the_future: 1\n"))
    waits = asyncio.create_task(published.wait_for([OTHER.hash]))
    await asyncio.sleep(0.01)
    why = published.why_waiting()
    assert why is not None
    assert why.startswith(f"this release cannot read the definitions {OTHER.hash}: {OTHER.hash[:19]}:")
    assert "a_part_of_the_future" in why
    waits.cancel()
    await asyncio.gather(waits, return_exceptions=True)


async def test_a_signals_version_is_looked_for_once_and_then_the_own_file_stands_in() -> None:
    topic = Topic()
    published = with_topic(topic)
    assert published.unsought([OWN.hash]) == []
    assert published.unsought([OTHER.hash]) == [OTHER.hash]
    finding = asyncio.create_task(published.find([OTHER.hash]))
    await asyncio.sleep(0)
    assert not finding.done()
    topic.read.set()
    await finding
    assert (topic.asked, published.unsought([OTHER.hash])) == (1, [])
    assert published.playbook(OTHER.hash) == OWN.playbook
    published.take(stood(OTHER, OTHER_TEXT))
    assert published.playbook(OTHER.hash) == OTHER.playbook


async def test_a_version_that_was_on_its_way_is_found() -> None:
    topic = Topic()
    published = with_topic(topic)
    finding = asyncio.create_task(published.find([OTHER.hash]))
    await asyncio.sleep(0)
    published.take(stood(OTHER, OTHER_TEXT))
    topic.read.set()
    await finding
    assert published.playbook(OTHER.hash) == OTHER.playbook
    assert published.directory(OTHER.hash) is not published.directory(OWN.hash)
