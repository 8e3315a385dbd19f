"""A small language in which the tests tell the story of a deal: a playbook, events, and what was said about them.

Instants are microseconds from the start of the story, in days where a number is enough: `at(10)` is ten days in,
`at(10) + 1` a microsecond later.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from playbook.model import Playbook
from signals.baselines import Baselines, Measure, Row
from signals.deal import Deal, Mark
from signals.episodes import Transition
from signals.judge import Panel, Stored, Watch, panel_of, run
from signals.rules import Rules
from topics.events import (
    ActivityChanged,
    DealChanged,
    DealEvent,
    DealGap,
    DealRemoved,
    Forgotten,
    IntentSeen,
    LoadEnded,
    LoadStarted,
    RelatedChanged,
    Scalar,
    SourceGap,
    Tick,
    event_id,
)
from topics.instants import DAY_US, parse_rfc3339
from topics.signals import Kind, Resolution, Severity, Step

START_US = parse_rfc3339("2024-03-01T00:00:00Z")
SOURCE = "crm/acme"
KEY = "crm/acme:D1"

PLAYBOOK: dict[str, Any] = {
    "name": "story",
    "pipelines": [
        {
            "name": "Sales",
            "sql_stage": "Demo",
            "stages": [
                {
                    "name": "Lead",
                    "max_days": 10,
                    "contact_days": 5,
                    "exit": [{"name": "need known", "when": "need == true"}],
                },
                {"name": "Demo", "contact_days": 3, "forecast": ["Pipeline", "Best Case"]},
                {
                    "name": "Proposal",
                    "max_days": 2,
                    "entry": [{"name": "budget known", "when": "budget == true"}],
                    "required_fields": ["amount"],
                },
                {"name": "Won", "outcome": "won"},
                {"name": "Lost", "outcome": "lost"},
            ],
        },
        {"name": "Renewals", "values": ["renewal"], "stages": [{"name": "Lead"}, {"name": "Won", "outcome": "won"}]},
    ],
    "segments": [
        {"name": "big", "when": "amount >= 1000", "cycle_days": 20},
        {"name": "small", "when": "amount < 1000", "cycle_days": 8},
    ],
    "sql": {"fields": ["budget", "need"]},
    "icp": [{"name": "worth it", "when": "amount >= 100"}],
    "intents": [{"name": "demo_request", "when": 'kind == "demo"'}, {"name": "pricing_page", "when": 'kind == "page"'}],
    "owners": [
        {"name": "Ana", "ids": ["u1"], "team": "South"},
        {"name": "Bo", "ids": ["u2"], "team": "North"},
    ],
    "signals": {
        "stage_overstay": {"days": 6},
        "contact_gap": {"days": 4, "plan_days": 7},
        "stale_deal": {"days": 35},
        "single_threaded": {"min_amount": 2000},
        "buyer_silent": {"days": 5},
        "junk_field": {"fields": ["next_step"]},
        "handoff_incomplete": {"handover_fields": ["next_step"]},
    },
}


#: The fastest quarter of deals that were won took 40 days from Demo.
TO_WIN = Baselines(
    [Row(measure=Measure.TO_WIN, pipeline="Sales", stage="Demo", n=40, events=40, quantiles=(40 * DAY_US,) * 60)]
)


def rules_of(signals: dict[str, Any] | None = None, **changes: object) -> Rules:
    """The story's playbook with some of it changed; `signals` is merged kind by kind."""
    content = {**PLAYBOOK, **changes}
    if signals:
        content["signals"] = {**PLAYBOOK["signals"], **signals}
    return Rules(Playbook.model_validate(content), "sha256:story", baselines=TO_WIN)


PANEL = panel_of(rules_of())


def at(days: float) -> int:
    """An instant: so many days into the story."""
    return START_US + round(days * DAY_US)


def _id(at_us: int, what: object, key: str) -> str:
    return event_id(key, at_us, what)


def change_of(fields: dict[str, Scalar], at_us: int, key: str = KEY, *, full: bool = False) -> DealChanged:
    """These fields of the deal changed."""
    identity = _id(at_us, (full, sorted(fields.items())), key)
    return DealChanged(id=identity, key=key, source=SOURCE, at_us=at_us, fields=fields, full=full)


def changed(at_us: int, key: str = KEY, /, **fields: Scalar) -> DealChanged:
    """Some fields of the deal changed."""
    return change_of(fields, at_us, key)


def full_record(at_us: int, key: str = KEY, /, **fields: Scalar) -> DealChanged:
    """All fields of the deal were read again."""
    return change_of(fields, at_us, key, full=True)


def created(at_us: int, key: str = KEY, /, **fields: Scalar) -> DealChanged:
    """The deal came into being: a full record."""
    return DealChanged(
        id=_id(at_us, "created", key), key=key, source=SOURCE, at_us=at_us, fields=fields, full=True, created=True
    )


def activity_of(fields: dict[str, Scalar], at_us: int, name: str, key: str = KEY) -> ActivityChanged:
    """These fields of an activity changed."""
    identity = _id(at_us, (name, sorted(fields.items())), key)
    return ActivityChanged(id=identity, key=key, source=SOURCE, at_us=at_us, activity=name, fields=fields)


def activity(at_us: int, name: str, key: str = KEY, /, **fields: Scalar) -> ActivityChanged:
    """Some fields of an activity changed."""
    return activity_of(fields, at_us, name, key)


def call(at_us: int, key: str = KEY, /) -> ActivityChanged:
    """A call that took place then and was reported at once."""
    return activity(at_us, f"call at {at_us}", key, at_us=at_us, done=True)


def planned(at_us: int, name: str, when_us: int) -> ActivityChanged:
    """A call or a task is planned."""
    return activity(at_us, name, at_us=when_us, done=False)


def meeting(at_us: int, name: str, ends_us: int) -> ActivityChanged:
    """A meeting is planned; it is a contact when it ends."""
    return activity(at_us, name, at_us=ends_us, meets=True)


def of_owner(at_us: int, owner_id: str, key: str = KEY, /, **fields: Scalar) -> RelatedChanged:
    """What is known of the deal's owner now."""
    identity = _id(at_us, ("owner", owner_id, sorted(fields.items())), key)
    return RelatedChanged(
        id=identity, key=key, source=SOURCE, at_us=at_us, role="owner", subject=owner_id, fields=fields, change=identity
    )


def intent(at_us: int, name: str = "demo_request", key: str = KEY, *, window_us: int = DAY_US) -> IntentSeen:
    """A high-intent event on the deal."""
    identity = _id(at_us, name, key)
    return IntentSeen(id=identity, key=key, source=SOURCE, at_us=at_us, intent=name, data={}, window_us=window_us)


def removed(at_us: int, key: str = KEY, merged_into: str | None = None) -> DealRemoved:
    """The deal was deleted, or merged into another one."""
    return DealRemoved(id=_id(at_us, "removed", key), key=key, source=SOURCE, at_us=at_us, merged_into=merged_into)


def forgotten(at_us: int, key: str = KEY) -> Forgotten:
    """The deal is to be forgotten."""
    identity = _id(at_us, "forgotten", key)
    return Forgotten(id=identity, key=key, source=SOURCE, at_us=at_us, subject=key, what="deal")


def gap(at_us: int, key: str = KEY) -> DealGap:
    """The source lost changes of the deal."""
    return DealGap(id=_id(at_us, "gap", key), key=key, source=SOURCE, at_us=at_us)


def source_gap(at_us: int) -> SourceGap:
    """The source lost changes of all its deals."""
    return SourceGap(id=_id(at_us, "source gap", ""), key="", source=SOURCE, at_us=at_us)


def load_started(at_us: int, lease_us: int) -> LoadStarted:
    """A backfill began."""
    return LoadStarted(id=_id(at_us, "load", ""), key="", source=SOURCE, at_us=at_us, lease_us=lease_us)


def load_ended(at_us: int) -> LoadEnded:
    """The backfill is complete."""
    return LoadEnded(id=_id(at_us, "loaded", ""), key="", source=SOURCE, at_us=at_us)


def tick(at_us: int) -> Tick:
    """It is that time."""
    return Tick(id=_id(at_us, "tick", ""), key="", source="", at_us=at_us)


class Said(NamedTuple):
    """One transition, as the cases write it: what happened when, and how it ended."""

    step: Step
    at_us: int
    resolution: Resolution | None = None


def opened(at_us: int) -> Said:
    """An episode opened."""
    return Said(Step.OPENED, at_us)


def updated(at_us: int) -> Said:
    """An episode shows something else."""
    return Said(Step.UPDATED, at_us)


def resolved(at_us: int, why: str = "fixed") -> Said:
    """An episode ended."""
    return Said(Step.RESOLVED, at_us, Resolution(why))


def history(events: Iterable[DealEvent], until_us: int, panel: Panel = PANEL) -> tuple[Watch, list[Transition]]:
    """The canonical history of one deal: its events in order, then time up to `until_us`."""
    ordered = sorted(events, key=lambda event: event.order)
    stored = [Stored(event, offset) for offset, event in enumerate(ordered)]
    return run(panel, Watch(Deal(KEY, SOURCE)), stored, until_us)


def said_of(kind: Kind, transitions: Iterable[Transition]) -> list[Said]:
    """What was said of one kind."""
    return [Said(one.step, one.at_us, one.resolution) for one in transitions if one.episode.kind is kind]


class Story(NamedTuple):
    """One row of a table of cases: what happens until when, and what is said about one kind.

    `signals` changes the playbook's numbers and switches.
    """

    sentence: str
    events: Sequence[DealEvent]
    until_us: int
    expected: list[Said]
    signals: dict[str, Any] = {}  # noqa: RUF012 - never changed

    def told(self, kind: Kind) -> list[Said]:
        """What the brain says."""
        panel = panel_of(rules_of(self.signals)) if self.signals else PANEL
        return said_of(kind, history(self.events, self.until_us, panel)[1])


def sentence(story: Story) -> str:
    """The id of a row."""
    return story.sentence


def severities(kind: Kind, transitions: Iterable[Transition]) -> list[Severity]:
    """How grave one kind was at its opening and after each update."""
    return [one.episode.severity for one in transitions if one.episode.kind is kind and one.step is not Step.RESOLVED]


def without_offsets(value: object) -> object:
    """A value with every mark's offset taken away: where an event stands in the log is the log's business."""
    if isinstance(value, Mark):
        return Mark(value.event, 0, value.n)
    if isinstance(value, msgspec.Struct):
        return type(value)(**{name: without_offsets(getattr(value, name)) for name in value.__struct_fields__})
    if isinstance(value, tuple):
        return tuple(without_offsets(one) for one in value)
    if isinstance(value, dict):
        return {key: without_offsets(one) for key, one in value.items()}
    return value
