"""`signals alerts why` tells a signal's story from its log; `preview` adds up a rehearsal."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from alerts.reasons import Fate, Reason
from alerts.values import Decision
from playbook.load import Loaded
from programs.commands.alerts import decisions, previewed, reachable, story
from programs.previewing import as_json
from programs.published import Published
from programs.rehearsing import Heard, Rehearsal
from tests.golden.messages.samples import BEN, PLAYBOOK, PLAYBOOK_HASH, opened, resolved
from tests.unit.policy_timeline import START_US
from topics.catalog import DEAL_SIGNALS
from topics.codec import encode
from topics.instants import DAY_US, HOUR_US, rfc3339
from topics.signals import Kind, Signal, signal_id

SQL = opened(Kind.SQL_UNQUALIFIED)


def _at(signal: Signal, at_us: int, deal: str = "one") -> Signal:
    at, subject = rfc3339(at_us), f"salesforce/default:{deal}"
    return replace(
        signal,
        id=signal_id(subject, signal.kind, signal.anchor),
        subject_key=subject,
        occurred_at=at,
        detected_at=at,
    )


def _log(*signals: Signal, until_us: int) -> list[Decision]:
    rehearsal = Rehearsal(Published(Loaded(PLAYBOOK, PLAYBOOK_HASH)))
    heard: list[Heard] = []
    for each in signals:
        at_us = START_US if each.transition == "opened" else START_US + HOUR_US
        heard += rehearsal.take(DEAL_SIGNALS, encode(each), at_us)
    heard += rehearsal.until(until_us)
    return [each.what for each in heard if isinstance(each.what, Decision)]


def test_why_tells_in_words_what_happened_to_everybody_and_how_it_stands() -> None:
    signal = _at(SQL, START_US)
    log = _log(signal, _at(resolved(SQL), START_US + HOUR_US), until_us=START_US + DAY_US)
    rows = [(each.signal.encode(), encode(each)) for each in log]
    told = list(story(decisions(signal.id, rows)))
    assert told[0] == f"signal {signal.id}: sql_unqualified of salesforce/default:one"
    words = "\n".join(told)
    for part in (
        "2026-11-04T09:30:00Z  Ann Example: opened: held until it has lasted long enough",
        "until 2026-11-04T09:30:15Z at the latest",
        "2026-11-04T09:30:30Z  Lee Lead: opened: told for the first time",
        "resolved: the message now says that it is over",
        "so far, Ann Example: told (told)",
        "so far, Lee Lead: told (told)",
    ):
        assert part in words


def test_why_takes_the_beginning_of_an_id_and_leaves_what_it_cannot_read() -> None:
    log = _log(_at(SQL, START_US), until_us=START_US + HOUR_US)
    rows: list[tuple[bytes | None, bytes | None]] = [(each.signal.encode(), encode(each)) for each in log]
    rows += [(log[0].signal.encode(), b"\xff"), (b"another", encode(log[0])), (None, None)]
    assert decisions(log[0].signal[:8], rows) == sorted(log, key=lambda each: (each.signal, each.at))
    assert decisions("", rows) == []


def test_preview_adds_up_what_everybody_would_have_received() -> None:
    signals = [_at(SQL, START_US + hour * HOUR_US, f"d{hour}") for hour in range(4)]
    rehearsal = Rehearsal(Published(Loaded(PLAYBOOK, PLAYBOOK_HASH)))
    shown = previewed(rehearsal, signals, START_US + 6 * HOUR_US)
    assert [(each.recipient, each.interruptions, each.days.most) for each in shown.received] == [
        ("person:Ann Example", 4, 4),
        ("person:Lee Lead", 4, 4),
    ]
    (noise,) = shown.noise
    assert (noise.kind, noise.fates, noise.messages) == (Kind.SQL_UNQUALIFIED, {Fate.TOLD: 8}, 8)
    assert shown.held[Reason.SETTLING] == 8
    document = json.loads(as_json(shown))
    assert document["received"][0]["days"] == {"days": 1, "p50": 4, "p90": 4, "most": 4}


@pytest.mark.parametrize("named", [True, False], ids=["owners without addresses", "no owners at all"])
def test_in_a_preview_everybody_can_be_reached(named: bool) -> None:  # noqa: FBT001 - a case's column
    ghost = BEN.model_copy(update={"email": None})
    loaded = Loaded(PLAYBOOK.model_copy(update={"owners": (ghost,) if named else ()}), PLAYBOOK_HASH)
    signal = replace(SQL, owner_id=BEN.ids[0], owner=BEN.name)
    (owner,) = reachable(loaded, [signal]).playbook.owners
    assert (owner.name, owner.ids, owner.email) == (BEN.name, BEN.ids, "0@preview.invalid")
    assert reachable(Loaded(PLAYBOOK.model_copy(update={"owners": (BEN,)}), "x"), [signal]).playbook.owners == (BEN,)
