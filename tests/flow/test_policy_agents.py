"""The fan-out and the policy as agents on stores: floods, actions, restarts, earlier releases, conservation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from alerts.actions import Action, ActionKind, By, Role
from alerts.audience import person
from alerts.metrics import Metrics
from alerts.policy.arrivals import fingerprint
from alerts.reasons import Fate, Reason
from alerts.values import Decision, Delivery, Form, Moment, Op, Said, Told
from playbook.load import Loaded
from playbook.model import Playbook
from programs.notify import World, make_fanout, make_policy
from programs.published import Published
from programs.rehearsing import Heard, Rehearsal
from tests.flow.voice_line import at_once
from tests.flow.voice_world import DictStore, batch
from tests.golden.messages.samples import ANN, BEN, PLAYBOOK, PLAYBOOK_HASH, opened, resolved, updated
from tests.unit.policy_timeline import START_US, conserved
from topics.catalog import ALERT_ACTIONS, ALERT_INBOX, ALERT_LOG, ALERT_OUTBOX, DEAL_SIGNALS
from topics.codec import encode
from topics.instants import DAY_US, HOUR_US, MINUTE_US, SECOND_US, rfc3339
from topics.signals import Kind, Severity, Signal, signal_id

GAP = opened(Kind.CONTACT_GAP)
TO_ANN = person(ANN)


def _published(playbook: Playbook = PLAYBOOK) -> Published:
    return Published(Loaded(playbook, PLAYBOOK_HASH))


def _deal(number: int, base: Signal = GAP, at_us: int = START_US, **changes: object) -> Signal:
    subject = f"salesforce/default:{number}"
    at = rfc3339(at_us)
    signal = replace(base, subject_key=subject, deal_id=str(number), occurred_at=at, detected_at=at, **changes)
    return replace(signal, id=signal_id(subject, signal.kind, signal.anchor))


def _decisions(heard: list[Heard]) -> list[Decision]:
    return [each.what for each in heard if isinstance(each.what, Decision)]


def _deliveries(heard: list[Heard]) -> list[Delivery]:
    return [each.what for each in heard if isinstance(each.what, Delivery)]


def _rehearsed(signals: list[tuple[int, Signal]], days: float = 3, playbook: Playbook = PLAYBOOK) -> list[Heard]:
    rehearsal = Rehearsal(_published(playbook))
    heard = [each for at_us, signal in signals for each in rehearsal.take(DEAL_SIGNALS, encode(signal), at_us)]
    return [*heard, *rehearsal.until(START_US + round(days * DAY_US))]


def test_five_thousand_openings_in_a_minute_are_one_message_to_revops() -> None:
    many = [(START_US + number * 12_000, _deal(number, at_us=START_US + number * 12_000)) for number in range(5000)]
    heard = _rehearsed(many)
    deliveries = _deliveries(heard)
    assert [(each.recipient.key, each.form) for each in deliveries if each.op is not Op.EDIT] == [
        ("channel:C0REVOPS1", Form.FLOOD)
    ]
    assert 4_500 < deliveries[-1].count <= 5_000
    reasons = Counter(each.reason for each in _decisions(heard) if each.subject_key.startswith("salesforce"))
    assert reasons[Reason.FLOOD] == 5_000
    assert set(reasons) == {Reason.SETTLING, Reason.FLOOD}


def test_a_flood_of_one_kind_holds_nothing_else_back_and_ends() -> None:
    many = [(START_US + number * 50_000, _deal(number)) for number in range(300)]
    other = _deal(0, opened(Kind.SQL_UNQUALIFIED), START_US + 16 * SECOND_US)
    later_us = START_US + HOUR_US
    later = [(later_us, _deal(900, at_us=later_us)), (later_us, resolved(_deal(3), rfc3339(later_us)))]
    heard = _rehearsed([*many, (START_US + 16 * SECOND_US, other), *later], days=0.2)
    told = {each.signal.id for each in _deliveries(heard) if each.op is Op.POST and each.form is not Form.FLOOD}
    assert told == {other.id, later[0][1].id}


def test_two_partitions_with_the_same_flood_share_one_message() -> None:
    published = _published()
    fanouts = [make_fanout(World(published, Metrics(CollectorRegistry())), number, DictStore()) for number in (0, 1)]
    policy = make_policy(World(published, Metrics(CollectorRegistry())), 0, DictStore())
    outbox = []
    for number in range(500):
        outputs = at_once(fanouts[number % 2].process(batch(DEAL_SIGNALS, [encode(_deal(number))], START_US)))
        inbox = [each.value or b"" for each in outputs if each.topic == ALERT_INBOX]
        if inbox:
            decided = at_once(policy.process(batch(ALERT_INBOX, inbox, START_US)))
            outbox += [msgspec.json.decode(each.value or b"") for each in decided if each.topic == ALERT_OUTBOX]
    assert [each["op"] for each in outbox].count("post") == 1
    assert outbox[-1]["count"] > 400


def test_an_action_reaches_everybody_who_heard_of_the_signal_and_nobody_else() -> None:
    store = DictStore()
    metrics = Metrics(CollectorRegistry())
    fanout = make_fanout(World(_published(), metrics), 0, store)
    at_once(fanout.process(batch(DEAL_SIGNALS, [encode(opened(Kind.SQL_UNQUALIFIED))])))
    action = _action(opened(Kind.SQL_UNQUALIFIED), ActionKind.ACKNOWLEDGE, START_US)
    known, unknown = (
        at_once(fanout.process(batch(ALERT_ACTIONS, [encode(each)]))) for each in (action, replace(action, signal="?"))
    )
    assert [each.key for each in known] == [b"person:Ann Example", b"person:Lee Lead"]
    assert unknown == []
    assert metrics.actions.labels("acknowledge", "nobody_heard")._value.get() == 1


def _action(signal: Signal, kind: ActionKind, at_us: int, until_us: int = 0) -> Action:
    return Action(
        id=f"{kind}{at_us}",
        kind=kind,
        signal=signal.id,
        subject_key=signal.subject_key,
        by=By(team_id="T", user_id="U", name="Ann Example", role=Role.OWNER),
        at=rfc3339(at_us),
        until=rfc3339(until_us) if until_us else "",
    )


def test_what_an_earlier_release_told_is_edited_in_its_message_and_not_told_again() -> None:
    """Its rows had one `Said` per recipient and signal, and no head; a message was known by its signal's id."""
    said = Said(step=GAP.transition, at_us=1, heard_us=START_US, seq=3, told=True, seen=(fingerprint(GAP),))
    store = DictStore({f"{TO_ANN.key}\x1f{GAP.id}".encode(): encode(said)})
    policy = make_policy(World(_published(), Metrics(CollectorRegistry())), 0, store)
    entries = [_told(GAP), _told(resolved(GAP)), encode(Moment(at_us=START_US + HOUR_US))]
    outputs = at_once(policy.process(batch(ALERT_INBOX, entries, START_US + HOUR_US)))
    log = [msgspec.json.decode(each.value or b"")["reason"] for each in outputs if each.topic == ALERT_LOG]
    (edit,) = [msgspec.json.decode(each.value or b"") for each in outputs if each.topic == ALERT_OUTBOX]
    assert log == ["duplicate", "resolved"]
    assert (edit["op"], edit["seq"], edit["message"]) == ("edit", 4, GAP.id)
    again = make_policy(World(_published(), Metrics(CollectorRegistry())), 0, store)
    assert [item.signal.id for item in again.office.items()] == [GAP.id], "the row is of the new form now"


def _told(signal: Signal, recipient: object = TO_ANN) -> bytes:
    return encode(Told(recipient=recipient, via=Reason.AS_OWNER, signal=signal))  # type: ignore[arg-type]


KINDS = (Kind.CONTACT_GAP, Kind.BUYER_SILENT, Kind.STAGE_OVERSTAY, Kind.CYCLE_EXCEEDED, Kind.SQL_UNQUALIFIED)
MOVES = st.lists(
    st.tuples(
        st.sampled_from(["open", "open", "open", "worse", "resolve", "update", "act"]),
        st.integers(0, 5),  # which deal
        st.sampled_from(KINDS),
        st.sampled_from(list(ActionKind)),
        st.integers(0, 30 * 60),  # minutes until the next
        st.sampled_from([ANN, BEN]),
    ),
    max_size=30,
)


def _lives(moves: list[tuple[str, int, Kind, ActionKind, int, object]]) -> Iterator[tuple[int, str, bytes]]:
    """Records of random lives: the first word on an episode is that it opened, as detection sees to it."""
    now_us = START_US
    live: dict[str, Signal] = {}
    for move, deal, kind, action, minutes, owner in moves:
        signal = _deal(deal, replace(GAP, kind=kind, owner_id=owner.ids[0], owner=owner.name), now_us)  # type: ignore[attr-defined]
        signal = replace(signal, severity=(Severity.WARNING, Severity.CRITICAL)[deal % 2], amount=1000.0 * deal)
        known = live.get(signal.id)
        at = rfc3339(now_us)
        if move == "act":
            yield now_us, ALERT_ACTIONS, encode(_action(signal, action, now_us, now_us + DAY_US))
        elif known is None:
            live[signal.id] = signal
            yield now_us, DEAL_SIGNALS, encode(signal)
        elif move == "resolve":
            yield now_us, DEAL_SIGNALS, encode(replace(resolved(live.pop(signal.id), at), detected_at=at))
        else:
            severity = Severity.CRITICAL if move == "worse" else known.severity
            live[signal.id] = replace(updated(known, at), severity=severity, detected_at=at, amount=float(minutes))
            yield now_us, DEAL_SIGNALS, encode(live[signal.id])
        now_us += minutes * MINUTE_US


@settings(deadline=None, max_examples=25)
@given(moves=MOVES)
def test_every_signal_that_opened_has_one_fate_per_recipient_and_the_counts_add_up(
    moves: list[tuple[str, int, Kind, ActionKind, int, object]],
) -> None:
    """Opened = told + merged + inhibited + held + dropped, by the log alone and by the state, whatever came."""
    rehearsal = Rehearsal(_published())
    heard = [each for at_us, topic, value in _lives(moves) for each in rehearsal.take(topic, value, at_us)]
    heard += rehearsal.until(START_US + 40 * DAY_US)
    fates = conserved(_decisions(heard))
    boxes = rehearsal.policy.office.boxes
    items = {(item.signal.id, key): item for key, box in boxes.items() for item in box.items.values()}
    assert {key: fates[key] for key in items} == {key: item.fate for key, item in items.items()}
    assert not {fates[key] for key in fates.keys() - items.keys()} & {Fate.HELD}, "only what is over is forgotten"
    told = {(each.signal, each.recipient) for each in _decisions(heard) if each.op in (Op.POST, Op.REMIND)}
    assert told == {key for key, fate in fates.items() if fate in (Fate.TOLD, Fate.MERGED)}
    held = Counter(item.reason for item in items.values() if item.fate in (Fate.HELD, Fate.INHIBITED))
    assert not held.keys() & {Reason.SETTLING, Reason.GROUPING, Reason.QUIET_HOURS}


@settings(deadline=None, max_examples=25)
@given(moves=MOVES, cut=st.integers(0, 30))
def test_a_restart_at_any_place_changes_nothing(
    moves: list[tuple[str, int, Kind, ActionKind, int, object]], cut: int
) -> None:
    lives = list(_lives(moves))
    whole, halved = Rehearsal(_published()), Rehearsal(_published())
    said: list[list[Heard]] = []
    for rehearsal in (whole, halved):
        heard: list[Heard] = []
        for number, (at_us, topic, value) in enumerate(lives):
            if rehearsal is halved and number == cut:
                rehearsal.restart()
            heard += rehearsal.take(topic, value, at_us)
        said.append([*heard, *rehearsal.until(START_US + 40 * DAY_US)])
    assert said[0] == said[1]


def test_while_what_was_said_lies_unread_nobody_is_told() -> None:
    """After hours of backlog a signal may be over already; the clock of the inbox says how far it has been read."""
    policy = make_policy(World(_published(), Metrics(CollectorRegistry())), 0, DictStore())
    at_us = START_US + HOUR_US
    lagging = at_once(
        policy.process(batch(ALERT_INBOX, [_told(_deal(1)), encode(Moment(at_us=at_us - MINUTE_US))], at_us))
    )
    assert [each.topic for each in lagging] == [ALERT_LOG]
    for minute in range(1, 12):
        now_us = at_us + minute * MINUTE_US
        caught_up = at_once(policy.process(batch(ALERT_INBOX, [encode(Moment(at_us=now_us))], now_us)))
        if any(each.topic == ALERT_OUTBOX for each in caught_up):
            break
    else:
        pytest.fail("nobody was told")


def test_the_largest_tenth_is_told_apart_by_the_amounts_that_signals_spoke_of() -> None:
    fanout = make_fanout(World(_published(), Metrics(CollectorRegistry()), rates={"EUR": 2.0}), 0, DictStore())
    amounts = [float(number) for number in range(1, 101)]
    large = {}
    for number, amount in enumerate(amounts):
        signal = _deal(number, amount=amount, currency="EUR" if amount == 60 else "USD")
        (output,) = at_once(fanout.process(batch(DEAL_SIGNALS, [encode(signal)], START_US + number * HOUR_US)))
        large[amount] = "large" in msgspec.json.decode(output.value or b"")
    again = {
        amount: "large"
        in msgspec.json.decode(
            at_once(
                fanout.process(
                    batch(DEAL_SIGNALS, [encode(updated(_deal(number, amount=amount)))], START_US + DAY_US * 9)
                )
            )[0].value
            or b""
        )
        for number, amount in enumerate(amounts)
        if amount != 60
    }
    assert not any(large[amount] for amount in amounts[:19]), "too few are known"
    assert {amount for amount, is_large in again.items() if is_large} == {92.0, 93, 94, 95, 96, 97, 98, 99, 100}
