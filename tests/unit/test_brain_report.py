"""Qualification beyond SQL: the ideal customer, placeholders and repeated texts, what the next team needs."""

from __future__ import annotations

from typing import Any

import pytest

from playbook.evaluator import compile_cel
from playbook.model import Playbook
from signals.deal import REPEATED
from signals.detectors.qualification import HANDOFF_INCOMPLETE, JUNK_FIELD
from signals.episodes import Episode
from signals.judge import panel_of
from signals.rules import Rules
from signals.texts import is_placeholder, repeat_key, same, text_key
from tests.unit.brain_story import (
    KEY,
    PLAYBOOK,
    SOURCE,
    Story,
    at,
    change_of,
    changed,
    created,
    full_record,
    gap,
    history,
    opened,
    removed,
    resolved,
    rules_of,
    said_of,
    sentence,
    updated,
)
from topics.events import DealEvent, TextRepeated, event_id
from topics.instants import MINUTE_US
from topics.signals import Kind, Severity

MISMATCH = [
    Story("what is big enough is fine", [created(at(0), stage="Lead", amount=100)], at(5), []),
    Story("a unit below is not", [created(at(0), stage="Lead", amount=99)], at(5), [opened(at(0))]),
    Story("an unknown amount is not too small", [created(at(0), stage="Lead")], at(5), []),
    Story("an empty one is", [created(at(0), stage="Lead", amount=None)], at(5), [opened(at(0))]),
    Story(
        "grown large enough it resolves, shrunk it is another episode",
        [created(at(0), stage="Lead", amount=5), changed(at(1), amount=100), changed(at(2), amount=5)],
        at(5),
        [opened(at(0)), resolved(at(1)), opened(at(2))],
    ),
    Story(
        "another value on which the same fails is no news",
        [created(at(0), stage="Lead", amount=5), changed(at(1), amount=6)],
        at(5),
        [opened(at(0))],
    ),
    Story(
        "what comes late counts in its place",
        [created(at(0), stage="Lead", amount=5), changed(at(1), name="x"), changed(at(0.5), amount=500)],
        at(5),
        [opened(at(0)), resolved(at(0.5))],
    ),
    Story(
        "closing closes",
        [created(at(0), stage="Lead", amount=5), changed(at(1), stage="Lost")],
        at(5),
        [opened(at(0)), resolved(at(1), "closed")],
    ),
    Story("won at once is asked nothing", [created(at(0), stage="Won", amount=5)], at(5), []),
    Story(
        "a suspect deal opens nothing before it was read again",
        [
            created(at(0), stage="Lead"),
            gap(at(1)),
            changed(at(2), amount=5),
            full_record(at(3), stage="Lead", amount=5),
        ],
        at(5),
        [opened(at(2))],
    ),
    Story(
        "switched off",
        [created(at(0), stage="Lead", amount=5)],
        at(5),
        [],
        {"icp_mismatch": {"enabled": False}},
    ),
]


@pytest.mark.parametrize("story", MISMATCH, ids=sentence)
def test_ideal_customer(story: Story) -> None:
    assert story.told(Kind.ICP_MISMATCH) == story.expected


def repeated(at_us: int, deals: int | None, text: str = "Call them", owner: str = "u1") -> TextRepeated:
    """The owner's hub counted a text on the owner's deals."""
    what = repeat_key(owner, text_key("next_step", text))
    identity = event_id("repeated", at_us, what, deals)
    return TextRepeated(id=identity, key=KEY, source=SOURCE, at_us=at_us, what=what, deals=deals)


FIELDS = {"junk_field": {"fields": ["next_step"]}}
MINE = created(at(0), stage="Lead", owner_id="u1", next_step="Call them")
JUNK = [
    Story(
        "a placeholder in a required field", [created(at(0), stage="Proposal", amount="TBD ")], at(5), [opened(at(0))]
    ),
    Story("before the stage that requires it, it may stay", [created(at(0), stage="Demo", amount="tbd")], at(5), []),
    Story(
        "what an earlier stage or the playbook asks for stays asked",
        [created(at(0), stage="Lead", next_step="xxx")],
        at(5),
        [opened(at(0))],
        FIELDS,
    ),
    Story("in a field that nobody asks for it may stand", [created(at(0), stage="Proposal", name="n/a")], at(5), []),
    Story("empty is no placeholder", [created(at(0), stage="Proposal", amount="")], at(5), []),
    Story("nor is unknown", [created(at(0), stage="Proposal")], at(5), []),
    Story("nor is a number", [created(at(0), stage="Proposal", amount=1111)], at(5), []),
    Story(
        "replaced",
        [created(at(0), stage="Proposal", amount="?"), changed(at(1), amount=5)],
        at(5),
        [opened(at(0)), resolved(at(1))],
    ),
    Story(
        "one placeholder for another is an update",
        [created(at(0), stage="Proposal", amount="?"), changed(at(1), amount="asdf")],
        at(5),
        [opened(at(0)), updated(at(1))],
    ),
    Story(
        "closing closes",
        [created(at(0), stage="Proposal", amount="?"), changed(at(1), stage="Won")],
        at(5),
        [opened(at(0)), resolved(at(1), "closed")],
    ),
    Story("a text on two deals is nothing", [MINE, repeated(at(1), 2)], at(5), []),
    Story("on three it is", [MINE, repeated(at(1), 3)], at(5), [opened(at(1))]),
    Story(
        "three deals and one fewer again",
        [MINE, repeated(at(1), 3), repeated(at(2), 2)],
        at(5),
        [opened(at(1)), resolved(at(2))],
    ),
    Story(
        "a fourth deal is an update",
        [MINE, repeated(at(1), 3), repeated(at(2), 4)],
        at(5),
        [opened(at(1)), updated(at(2))],
    ),
    Story(
        "another text is at once no longer the same",
        [MINE, repeated(at(1), 3), changed(at(2), next_step="Call the CFO")],
        at(5),
        [opened(at(1)), resolved(at(2))],
    ),
    Story(
        "written otherwise it is the same",
        [MINE, repeated(at(1), 3), changed(at(2), next_step=" call  THEM!")],
        at(5),
        [opened(at(1)), updated(at(2))],
    ),
    Story(
        "of another owner it is none of the former one's",
        [MINE, repeated(at(1), 3), changed(at(2), owner_id="u2")],
        at(5),
        [opened(at(1)), resolved(at(2))],
    ),
    Story("what was taken back says nothing", [MINE, repeated(at(1), None)], at(5), []),
    Story("as many as the playbook says", [MINE, repeated(at(1), 4)], at(5), [], {"junk_field": {"min_repeats": 5}}),
    Story(
        "a field that is not compared", [MINE, repeated(at(1), 4)], at(5), [], {"junk_field": {"repeated": ["name"]}}
    ),
    Story(
        "a placeholder and a repeat are one episode",
        [MINE, repeated(at(1), 3), changed(at(2), next_step="tbd"), changed(at(3), next_step="Call them")],
        at(5),
        [opened(at(1)), updated(at(2)), updated(at(3))],
        FIELDS,
    ),
]


@pytest.mark.parametrize("story", JUNK, ids=sentence)
def test_junk(story: Story) -> None:
    assert story.told(Kind.JUNK_FIELD) == story.expected


NEEDED = {"handoff_incomplete": {"won_fields": ["plan", "amount"], "handover_fields": ["plan"]}}
SOUTH = created(at(0), stage="Lead", owner_id="u1", plan=None)
INCOMPLETE = [
    Story("won without the plan", [SOUTH, changed(at(1), stage="Won")], at(5), [opened(at(1))], NEEDED),
    Story(
        "filled after winning",
        [SOUTH, changed(at(1), stage="Won"), changed(at(3), plan="x")],
        at(5),
        [opened(at(1)), resolved(at(3))],
        NEEDED,
    ),
    Story(
        "filled in the event that wins",
        [SOUTH, changed(at(1), stage="Won", plan="x")],
        at(5),
        [],
        NEEDED,
    ),
    Story("what is unknown is not missing", [created(at(0), stage="Won", owner_id="u1")], at(5), [], NEEDED),
    Story("lost deals are handed to nobody", [SOUTH, changed(at(1), stage="Lost")], at(5), [], NEEDED),
    Story(
        "one of two filled is an update",
        [created(at(0), stage="Won", plan="", amount=None), changed(at(1), plan="x"), changed(at(2), amount=5)],
        at(5),
        [opened(at(0)), updated(at(1)), resolved(at(2))],
        NEEDED,
    ),
    Story(
        "open again it is nobody's business, won again it is another episode",
        [SOUTH, changed(at(1), stage="Won"), changed(at(2), stage="Demo"), changed(at(3), stage="Won")],
        at(5),
        [opened(at(1)), resolved(at(2)), opened(at(3))],
        NEEDED,
    ),
    Story("to another team", [SOUTH, changed(at(1), owner_id="u2")], at(5), [opened(at(1))], NEEDED),
    Story(
        "the plan follows",
        [SOUTH, changed(at(1), owner_id="u2"), changed(at(2), plan="x")],
        at(5),
        [opened(at(1)), resolved(at(2))],
        NEEDED,
    ),
    Story(
        "handed on it is another episode",
        [SOUTH, changed(at(1), owner_id="u2"), changed(at(2), owner_id="u1")],
        at(5),
        [opened(at(1)), opened(at(2)), resolved(at(2))],
        NEEDED,
    ),
    Story(
        "the first owner took over from nobody",
        [created(at(0), stage="Lead", plan=None), changed(at(1), owner_id="u1")],
        at(5),
        [],
        NEEDED,
    ),
    Story(
        "to a colleague whom nobody knows",
        [SOUTH, changed(at(1), owner_id="u9")],
        at(5),
        [],
        NEEDED,
    ),
    Story(
        "of another role, as the CRM says",
        [
            created(at(0), stage="Lead", owner_id="a", owner_role="SDR", plan=None),
            changed(at(1), owner_id="b", owner_role="AE"),
        ],
        at(5),
        [opened(at(1))],
        NEEDED,
    ),
    Story(
        "the lifecycle went on",
        [created(at(0), stage="Lead", lifecycle="mql", plan=None), changed(at(1), lifecycle="sql")],
        at(5),
        [opened(at(1))],
        NEEDED,
    ),
    Story(
        "the lifecycle was filled in for the first time",
        [created(at(0), stage="Lead", lifecycle=None, plan=None), changed(at(1), lifecycle="sql")],
        at(5),
        [],
        NEEDED,
    ),
    Story(
        "deleting ends it on a won deal, too",
        [SOUTH, changed(at(1), stage="Won"), removed(at(2))],
        at(5),
        [opened(at(1)), resolved(at(2), "closed")],
        NEEDED,
    ),
    Story("nothing is needed", [SOUTH, changed(at(1), stage="Won")], at(5), []),
]


@pytest.mark.parametrize("story", INCOMPLETE, ids=sentence)
def test_handoff(story: Story) -> None:
    assert story.told(Kind.HANDOFF_INCOMPLETE) == story.expected


def _episode(kind: Kind, events: list[DealEvent], **signals: Any) -> Episode:  # noqa: ANN401 - settings of kinds
    _, said = history(events, at(5), panel_of(rules_of(signals)))
    return next(one.episode for one in said if one.episode.kind is kind)


def test_the_evidence_of_a_mismatch_is_the_criterion_and_the_value() -> None:
    cause = created(at(0), stage="Lead", amount=5.0)
    episode = _episode(Kind.ICP_MISMATCH, [cause])
    assert (episode.anchor, episode.severity) == (cause.id, Severity.INFO)
    assert episode.reason == "not the ideal customer: worth it"
    assert episode.details == ({"criterion": "worth it", "value.amount": 5.0},)


def test_one_criterion_more_is_an_update_and_the_first_keeps_its_value() -> None:
    criteria = [{"name": "worth it", "when": "amount >= 100"}, {"name": "not bought", "when": 'lead_source != "list"'}]
    events = [created(at(0), stage="Lead", amount=5), changed(at(1), amount=6, lead_source="list")]
    watch, said = history(events, at(5), panel_of(rules_of(icp=criteria)))
    assert said_of(Kind.ICP_MISMATCH, said) == [opened(at(0)), updated(at(1))]
    (found,) = [one for one in watch.episodes if one.kind is Kind.ICP_MISMATCH]
    assert found.details == (
        {"criterion": "worth it", "value.amount": 5},
        {"criterion": "not bought", "value.lead_source": "list"},
    )


def test_the_evidence_of_junk_says_what_stands_where_and_how_often() -> None:
    episode = _episode(Kind.JUNK_FIELD, [MINE, repeated(at(1), 3), changed(at(0.5), stage="Proposal", amount="tbd")])
    assert episode.severity is Severity.INFO
    assert episode.reason == "amount holds a placeholder"
    _, said = history([MINE, repeated(at(1), 3)], at(5))
    (found,) = [one.episode for one in said if one.episode.kind is Kind.JUNK_FIELD]
    assert found.reason == "the same next_step on 3 deals"
    assert found.details == ({"field": "next_step", "value": "Call them", "deals": 3, "limit": 3},)


def test_the_evidence_of_a_handoff_is_anchored_at_it() -> None:
    handed = changed(at(1), owner_id="u2")
    episode = _episode(Kind.HANDOFF_INCOMPLETE, [SOUTH, handed], **NEEDED)
    assert (episode.anchor, episode.severity) == (handed.id, Severity.WARNING)
    assert episode.reason == "handed over without plan"
    assert episode.details == ({"field": "plan", "value": None},)
    assert [mark.event for mark in episode.causes] == [handed.id]


TYPED: dict[str, Any] = {
    "fields": {"tier": ["gold", "silver"], "seats": "number"},
    "icp": [{"name": "g", "when": 'tier == "gold"'}],
}


def test_a_value_that_is_none_of_its_type_is_unknown_and_the_evidence_says_so() -> None:
    criteria = [{"name": "gold", "when": 'tier == "gold"'}, {"name": "many", "when": "seats > 5"}]
    panel = panel_of(rules_of(**{**TYPED, "icp": criteria}))
    lead = created(at(0), stage="Lead", tier="platinum", seats="12", amount=500)
    _, said = history([lead, changed(at(1), seats="3")], at(5), panel)
    assert said_of(Kind.ICP_MISMATCH, said) == [opened(at(1))]
    (found,) = [one.episode for one in said if one.episode.kind is Kind.ICP_MISMATCH]
    assert found.details == (
        {"criterion": "many", "value.seats": "3"},
        {"criterion": "gold", "unknown": "tier is none of gold, silver: 'platinum'"},
    )


def test_a_gate_does_not_fail_on_a_value_that_is_none_of_its_type() -> None:
    stages = [dict(stage) for stage in PLAYBOOK["pipelines"][0]["stages"]]
    stages[1]["entry"] = [{"name": "many", "when": "seats > 5"}, {"name": "gold", "when": 'tier == "gold"'}]
    panel = panel_of(rules_of(**TYPED, pipelines=[{**PLAYBOOK["pipelines"][0], "stages": stages}]))
    before = created(at(0), stage="Lead", need=True, seats="lots", tier="silver")
    _, said = history([before, changed(at(1), stage="Demo"), changed(at(2), tier="gold")], at(5), panel)
    gate_us = at(1) + MINUTE_US
    assert said_of(Kind.GATE_VIOLATED, said) == [opened(gate_us), resolved(at(2))]
    found = next(one.episode for one in said if one.episode.kind is Kind.GATE_VIOLATED)
    assert found.reason == "entered Demo although it does not hold: entry of Demo: gold"
    assert found.details == (
        {"criterion": "entry of Demo: gold", "value.tier": "silver"},
        {"criterion": "entry of Demo: many", "unknown": "seats is no number: 'lots'"},
    )


def test_only_criteria_whose_fields_changed_are_evaluated_again(monkeypatch: pytest.MonkeyPatch) -> None:
    evaluated: list[str] = []
    compiled = compile_cel

    class Counted:
        def __init__(self, source: str) -> None:
            self._source, self._program = source, compiled(source)
            self.references = self._program.references

        def execute(self, values: dict[str, object]) -> object:
            evaluated.append(self._source)
            return self._program.execute(values)

    monkeypatch.setattr("playbook.criteria.compile_cel", Counted)
    content = {**PLAYBOOK, "icp": [{"name": name, "when": f"{name} > 1"} for name in ("a", "b", "c")], "segments": []}
    panel = panel_of(Rules(Playbook.model_validate(content), "sha256:counted"))
    history([created(at(0), stage="Lead", a=5, b=5, c=5)], at(1), panel)
    assert sorted(evaluated) == ["a > 1", "b > 1", "c > 1"]
    evaluated.clear()
    events = [created(at(0), stage="Lead", a=5, b=5, c=5), changed(at(1), b=6), changed(at(2), name="x")]
    history([*events, change_of({"c": 0, "owner_id": "u1"}, at(3))], at(4), panel)
    assert evaluated == ["b > 1", "c > 1"]


def test_what_is_asked_when_is_told_by_the_names_that_are_read() -> None:
    rules = rules_of(NEEDED)
    assert JUNK_FIELD.reads(rules) == {"amount", "next_step", "owner_id", REPEATED}
    assert HANDOFF_INCOMPLETE.reads(rules) == {"plan", "amount", "owner_id", "owner_team", "owner_role", "lifecycle"}
    assert HANDOFF_INCOMPLETE.reads(rules_of({"handoff_incomplete": {"won_fields": ["plan"]}})) == {"plan"}


PLACEHOLDERS = frozenset({"n/a", "tbd"})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("N/A", True),
        (" tbd ", True),
        ("xx", True),
        ("...", True),
        ("x", False),
        ("", False),
        ("tbd!", False),
        (0, False),
    ],
)
def test_placeholders(value: str | int, *, expected: bool) -> None:
    assert is_placeholder(value, PLACEHOLDERS) is expected


def test_the_same_text() -> None:
    assert same("  Call\n THEM .. ") == same("call them") == "call them"
    assert not same(" ... ")
    assert not text_key("next_step", "…")
    assert text_key("a", "x") != text_key("b", "x")
    assert repeat_key("u1", "x") != repeat_key("u2", "x")
    assert not repeat_key("", "x")
