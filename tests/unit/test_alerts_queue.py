"""The weekly queue: what is open when a person's week begins, the largest first, struck through as it is done."""

from __future__ import annotations

from msgspec.structs import replace

from alerts.actions import ActionKind
from alerts.audience import channel, person
from alerts.compose import compose
from alerts.drawn import draw
from alerts.reasons import Fate, Reason
from alerts.values import Delivery, Form, Op
from playbook.alerting import MINUTES, Alerts
from playbook.hours import Calendar
from playbook.model import Playbook
from tests.golden.messages.block_kit import problems
from tests.golden.messages.samples import ANN, PLAYBOOK, resolved
from tests.golden.messages.samples import opened as sample
from tests.unit.policy_timeline import START_US, Timeline, conserved
from topics.instants import SECOND_US, from_us
from topics.signals import Evidence, Kind, Severity, Signal, signal_id

HOUR, DAY = 3600.0, 86_400.0
#: START_US is a Wednesday, half past nine; Ann's week begins on Monday at nine.
MONDAY = 5 * DAY - HOUR / 2


def on(deal: str, amount: float, kind: Kind = Kind.CONTACT_GAP, **changes: object) -> Signal:
    """A warning on a deal of this size."""
    subject = f"salesforce/default:{deal}"
    signal = replace(
        sample(kind), subject_key=subject, deal_id=deal, deal_name=deal, amount=amount, severity=Severity.WARNING
    )
    return replace(signal, id=signal_id(subject, kind, signal.anchor), **changes)


JUNK = on("Small", 10.0, Kind.JUNK_FIELD, evidence=Evidence(details=({"field": "next_step", "value": "tbd"},)))
BIG, MIDDLE = on("Big", 900.0), on("Middle", 90.0)


def queues(line: Timeline) -> list[tuple[float, Delivery]]:
    return [(at_s, each) for at_s, each in line.own() if each.form is Form.QUEUE]


def with_alerts(playbook: Playbook = PLAYBOOK, **alerts: object) -> Playbook:
    return playbook.model_copy(update={"alerts": Alerts.model_validate(alerts)})


def test_when_the_week_begins_everything_open_is_listed_the_largest_first() -> None:
    line = Timeline(PLAYBOOK)
    for signal in (MIDDLE, JUNK, BIG):
        line.push(0, signal)
    line.until(MONDAY - 1)
    assert queues(line) == []
    line.until(MONDAY)
    ((at_s, queue),) = queues(line)
    assert (at_s, queue.op) == (MONDAY, Op.POST)
    assert [signal.deal_id for signal in queue.shown] == ["Big", "Middle", "Small"]


def test_once_a_week_and_never_mid_week() -> None:
    line = Timeline(PLAYBOOK)
    line.push(0, BIG)
    line.until(4 * 7 * DAY)
    assert line.reasons().count(Reason.QUEUED) > 0
    posted = [at_s for at_s, each in queues(line) if each.op is Op.POST]
    assert posted == [MONDAY + week * 7 * DAY for week in range(4)]
    assert len({each.about for _, each in queues(line)}) == len(posted), "each week has a message of its own"


def test_what_is_done_is_struck_through_in_place() -> None:
    line = Timeline(PLAYBOOK)
    for signal in (MIDDLE, BIG):
        line.push(0, signal)
    line.until(MONDAY + 1)
    line.push(MONDAY + HOUR, resolved(BIG))
    (_, first), (_, edit) = queues(line)
    assert (edit.op, edit.about, edit.seq) == (Op.EDIT, first.about, first.seq + 1)
    drawn = "\n".join(draw("Ann", compose(PLAYBOOK, edit, edit.via).main, edited=True))
    assert "1 thing to clear, about 15 minutes" in drawn
    assert drawn.index("Middle") < drawn.index("Big"), "what is left stands first"
    blocks = compose(PLAYBOOK, edit, edit.via).main.blocks
    struck = [block["text"]["text"] for block in blocks if block["type"] == "section" and "~" in block["text"]["text"]]
    assert len(struck) == 1
    assert struck[0].startswith("~Big")


def test_the_digest_of_that_day_is_part_of_it_and_what_it_tells_is_told() -> None:
    tight = with_alerts(budget={"per_day": 1, "critical_reserve": 0}, group={"most": 1})
    line = Timeline(tight)
    for signal in (BIG, MIDDLE, JUNK):
        line.push(2 * DAY, signal)  # a Friday: one is told, two are beyond the budget
    line.until(MONDAY)
    ((_, queue),) = queues(line)
    assert [signal.deal_id for signal in queue.shown] == ["Big", "Middle", "Small"]
    assert not [each for _, each in line.own() if each.form is Form.DIGEST]
    assert set(conserved(line.log).values()) <= {Fate.TOLD, Fate.MERGED}
    assert line.reasons().count(Reason.DIGESTED) == 2
    assert line.reasons().count(Reason.REPEATED) == 1


def test_what_somebody_has_seen_to_is_not_listed() -> None:
    line = Timeline(PLAYBOOK)
    for signal in (BIG, MIDDLE):
        line.push(0, signal)
    line.act(HOUR, ActionKind.SNOOZE, BIG, until_s=7 * DAY)
    line.until(MONDAY)
    ((_, queue),) = queues(line)
    assert [signal.deal_id for signal in queue.shown] == ["Middle"]


def test_what_is_told_on_that_morning_is_no_queue() -> None:
    line = Timeline(PLAYBOOK)
    line.push(MONDAY + HOUR, BIG)
    line.until(MONDAY + 6 * HOUR)
    assert queues(line) == []
    assert [each.form for _, each in line.own()] == [Form.DEAL]


def test_a_channel_has_no_week() -> None:
    line = Timeline(PLAYBOOK, to=channel("#sales"))
    line.push(0, BIG)
    line.until(14 * DAY)
    assert queues(line) == []


def test_the_week_begins_where_the_person_is_and_after_their_holiday() -> None:
    written = {"name": "Gulf", "weekend": ["friday", "saturday"], "opens": "08:00", "days_off": ["2026-11-08"]}
    calendar = Calendar.model_validate(written | {"timezone": "Asia/Dubai"})
    owner = ANN.model_copy(update={"calendar": "Gulf", "timezone": None})
    book = PLAYBOOK.model_copy(update={"owners": (owner,), "calendars": (calendar,)})
    line = Timeline(book, person(owner))
    line.push(0, BIG)
    line.until(7 * DAY)
    (at_s, _), *_ = queues(line)
    assert from_us(START_US + round(at_s * SECOND_US)).isoformat() == "2026-11-09T04:00:00+00:00", "Monday, eight there"


def test_more_than_fits_is_counted() -> None:
    line = Timeline(with_alerts(queue={"most": 2}, group={"most": 20}))
    for place in range(5):
        line.push(0, on(f"D{place}", float(place)))
    line.until(MONDAY)
    ((_, queue),) = queues(line)
    assert [signal.deal_id for signal in queue.shown] == ["D4", "D3"]
    assert queue.count == 3
    drawn = "\n".join(draw("Ann", compose(PLAYBOOK, queue, queue.via).main, edited=False))
    assert "5 things to clear" in drawn
    assert "and 3 more" in drawn


def test_switched_off_the_digest_is_as_on_any_day() -> None:
    line = Timeline(with_alerts(queue={"enabled": False}))
    line.push(0, BIG)
    line.until(14 * DAY)
    assert queues(line) == []


def test_the_minutes_are_the_playbook_s_or_ours() -> None:
    assert MINUTES.keys() == set(Kind)
    queue = with_alerts(queue={"minutes": {"junk_field": 1}}).alerts.queue
    assert queue.minutes_of(Kind.JUNK_FIELD) == 1.0
    assert queue.minutes_of(Kind.CONTACT_GAP) == MINUTES[Kind.CONTACT_GAP]


def test_it_names_fields_and_minutes_and_slack_takes_it() -> None:
    line = Timeline(PLAYBOOK)
    for signal in (JUNK, BIG):
        line.push(0, signal)
    line.until(MONDAY)
    ((_, queue),) = queues(line)
    message = compose(PLAYBOOK, queue, queue.via).main
    assert problems(message.text, list(message.blocks)) == []
    drawn = "\n".join(draw("Ann", message, edited=False))
    assert "next_step · 2 min" in drawn
    assert "Your week: 2 things to clear, about 17 minutes" in drawn
