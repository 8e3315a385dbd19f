"""Values that nobody defined: once per source, field and value, to RevOps, until somebody defines them."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.audience import audience
from playbook.meanings import Meanings
from playbook.owners import Directory
from signals.history import Reading, joined_at_once
from signals.intents import Intents, intents_of
from signals.joining.joiner import Joiner
from signals.joining.ties import Ties, values_of
from signals.keyed import DictStore
from signals.replay import heard
from signals.rules import Rules
from tests.unit.brain_story import PLAYBOOK, SOURCE, at, change_of, changed, created, rules_of
from topics.events import AnyEvent, DefinitionsChanged, Scalar
from topics.outcomes import Accepted
from topics.signals import Cause, Kind, Signal, Step

RULES = rules_of()
FOO = {**PLAYBOOK["pipelines"][0], "stages": [{"name": "Foo"}, *PLAYBOOK["pipelines"][0]["stages"]]}
LATER = rules_of(pipelines=[FOO, PLAYBOOK["pipelines"][1]])
NAMED: dict[str, Rules] = {"v1": RULES, "v2": LATER}


def intents(version: str) -> Intents:
    return intents_of(NAMED[version].playbook, version)


class Listener:
    """A join of its own, event by event."""

    def __init__(self) -> None:
        self.store = DictStore()
        self.joiner, self._offset = Joiner(intents("v1"), self.store, intents), 0

    def hear(self, *events: AnyEvent) -> list[Signal]:
        """What is said of values."""
        said: list[Signal] = []
        for event in events:
            self._offset += 1
            said += heard(self.joiner, Ties(), event, self._offset)[1]
        return said

    def switch(self, version: str, at_us: int) -> list[Signal]:
        """Other definitions count from here on."""
        event = DefinitionsChanged(id=f"to {version} at {at_us}", key="", source="", at_us=at_us, playbook=version)
        return self.joiner.fold(event, Cause(event.id, "people.events", 1, 7)).signals


def deal(number: int, /, **fields: Scalar) -> AnyEvent:
    return created(at(number), f"{SOURCE}:D{number}", **fields)


def test_a_stage_that_nobody_defined_is_told_once_however_many_deals_are_in_it() -> None:
    listener = Listener()
    (signal,) = listener.hear(deal(1, stage="Foo"), deal(2, stage="Foo"), deal(3, stage="Lead"))
    assert (signal.kind, signal.transition, signal.severity) == (Kind.VALUE_UNMAPPED, Step.OPENED, "warning")
    assert signal.subject_key == f"{SOURCE}:stage/Foo"
    assert signal.deal_id == ""
    assert signal.reason == "nobody defined the stage 'Foo'"
    assert signal.occurred_at == signal.opened_at == "2024-03-02T00:00:00Z"
    assert signal.evidence.details == ({"field": "stage", "value": "Foo", "deal": f"{SOURCE}:D1"},)
    assert [cause.id for cause in signal.evidence.events] == [signal.anchor]
    assert signal.playbook == "v1"


def test_it_goes_to_revops_whoever_owns_the_deal_and_whatever_the_playbook_answers() -> None:
    listener = Listener()
    (signal,) = listener.hear(deal(1, stage="Foo", owner_id="u1"))
    book = rules_of(revops_channel="C0REVOPS1").playbook
    hearers, _ = audience(book, Directory(book.owners), signal)
    assert [each.recipient.key for each in hearers] == ["channel:C0REVOPS1"]


def test_a_switch_to_definitions_that_know_it_ends_it_and_one_back_begins_another() -> None:
    listener = Listener()
    (first,) = listener.hear(deal(1, stage="Foo"))
    assert listener.switch("v1", at(2)) == []
    (over,) = listener.switch("v2", at(3))
    assert (over.id, over.transition, over.resolution) == (first.id, Step.RESOLVED, "definition")
    assert (over.occurred_at, over.opened_at) == ("2024-03-04T00:00:00Z", first.opened_at)
    assert listener.hear(deal(4, stage="Foo")) == []
    (again,) = listener.switch("v1", at(5))
    assert (again.transition, again.subject_key, again.playbook) == (Step.OPENED, first.subject_key, "v1")
    assert again.id != first.id
    assert again.anchor == f"to v1 at {at(5)}"
    assert again.evidence.events == (Cause(again.anchor, "people.events", 1, 7),)


def test_what_was_defined_when_it_was_seen_is_remembered_for_the_switch_that_forgets_it() -> None:
    listener = Listener()
    listener.switch("v2", at(0))
    assert listener.hear(deal(1, stage="Foo")) == []
    (signal,) = listener.switch("v1", at(2))
    assert signal.evidence.details == ({"field": "stage", "value": "Foo"},)


def test_a_stage_of_another_pipeline_means_nothing_in_this_one() -> None:
    listener = Listener()
    (signal,) = listener.hear(deal(1, stage="Demo", pipeline="renewal"))
    assert signal.reason == "nobody defined the stage 'Demo' in renewal"
    assert signal.pipeline == "renewal"
    assert listener.hear(change_of({"stage": "Demo"}, at(2)), deal(3, stage="Demo", pipeline="Sales")) == []


DEFINED: list[tuple[str, dict[str, Any], str, str, str, bool]] = [
    ("a stage", {}, "stage", "Demo", "", True),
    ("a stage of any pipeline, where that is unknown", {}, "stage", "Nowhere", "", False),
    ("another value of a pipeline", {}, "pipeline", "renewal", "", True),
    ("every pipeline where one takes the rest", {}, "pipeline", "new", "", True),
    (
        "no other pipeline where none takes the rest",
        {"pipelines": [PLAYBOOK["pipelines"][1]]},
        "pipeline",
        "new",
        "",
        False,
    ),
    (
        "stages of a pipeline that nobody defined are its fault",
        {"pipelines": [PLAYBOOK["pipelines"][1]]},
        "stage",
        "Demo",
        "new",
        True,
    ),
    (
        "any category where no stage says which it allows",
        {"pipelines": [PLAYBOOK["pipelines"][1]]},
        "forecast_category",
        "Commit",
        "",
        True,
    ),
    ("a category that is weaker or stronger than others", {}, "forecast_category", "Omitted", "", True),
    (
        "a category that no stage allows",
        {
            "pipelines": [
                {**PLAYBOOK["pipelines"][1], "values": [], "stages": [{"name": "Lead", "forecast": ["Pipeline"]}]}
            ]
        },
        "forecast_category",
        "Maybe",
        "",
        False,
    ),
    (
        "anything where the kind is off",
        {"signals": {"value_unmapped": {"enabled": False}}},
        "stage",
        "Nowhere",
        "",
        True,
    ),
]


@pytest.mark.parametrize(
    ("changes", "field", "value", "pipeline", "expected"), [row[1:] for row in DEFINED], ids=[r[0] for r in DEFINED]
)
def test_defined(changes: dict[str, Any], field: str, value: str, pipeline: str, *, expected: bool) -> None:
    signals = changes.get("signals")
    rules = rules_of(signals, **{name: one for name, one in changes.items() if name != "signals"})
    assert Meanings(rules.playbook).defines(field, value, pipeline) is expected


def test_what_is_empty_or_unknown_is_no_value() -> None:
    assert values_of(changed(at(1), name="x")) == ()
    assert values_of(changed(at(1), stage=None, pipeline="")) == ()
    (value,) = values_of(changed(at(1), forecast_category="Commit"))
    assert (value.field, value.value, value.key) == (
        "forecast_category",
        "Commit",
        f"{SOURCE}:forecast_category/Commit",
    )


def test_history_at_rest_tells_of_the_first_whatever_was_read_first() -> None:
    events = [deal(3, stage="Foo"), deal(1, stage="Foo"), deal(2, stage="Foo")]
    for of_kind in (events, events[::-1]):
        reading = Reading(intents("v1"), Ties())
        for offset, event in enumerate(of_kind):
            reading.take(offset, [Accepted((event,))])
        said = joined_at_once([people for (people,) in reading.people], intents("v1"), at(9)).said
        assert [one.signal.occurred_at for one in said] == ["2024-03-02T00:00:00Z"]
        assert said[0].signal.evidence.details[0]["deal"] == f"{SOURCE}:D1"
