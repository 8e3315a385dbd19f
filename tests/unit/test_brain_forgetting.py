"""Forgetting in the join: whoever the subject is and whatever is known of it, nothing of it stays."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.joining.joiner import Joined, Joiner
from signals.joining.mentions import Mention, found
from signals.joining.ties import Ties
from signals.keyed import DictStore
from signals.replay import heard
from tests.unit.brain_story import SOURCE, at, changed, created
from tests.unit.brain_streams import examples
from tests.unit.test_join_orders import INTENTS, Arrival, arrivals
from topics.events import (
    AccountChanged,
    ActivityChanged,
    AnyEvent,
    DealEvent,
    Forgotten,
    PersonChanged,
    RelatedChanged,
    RelationChanged,
)
from topics.signals import Cause

LATER_US = at(90)
SUBJECTS = (("deal", "D1"), ("person", "P1"), ("account", "A1"), ("owner", "U1"))


def known(events: Iterable[AnyEvent]) -> DictStore:
    """What the join keeps after these events."""
    store, ties = DictStore(), Ties()
    joiner = Joiner(INTENTS, store)
    for offset, event in enumerate(events):
        heard(joiner, ties, event, offset)
    return store


def forget(store: DictStore, what: str, name: str) -> list[DealEvent]:
    """Forget a subject as the command does: everyone who names it, and itself; what the deals hear of it."""
    subject = f"{SOURCE}:{name}"
    joiner, told = Joiner(INTENTS, store), list[DealEvent]()
    for mention in (*found(store.items(), subject).mentions[what], Mention(what, subject)):
        joined = fold(
            joiner,
            Forgotten(
                id=f"f{mention.key}",
                key=mention.key,
                source=SOURCE,
                at_us=LATER_US,
                subject=subject,
                what=what,  # type: ignore[arg-type] # one of SUBJECTS
            ),
        )
        told += joined.events
    return told


def fold(joiner: Joiner, event: Forgotten) -> Joined:
    return joiner.fold(event, Cause(event.id, "", 0, 0))


@given(arrival=arrivals())
@examples(15)
def test_a_store_and_its_log_hold_the_same_of_a_subject(arrival: Arrival) -> None:
    log: list[tuple[bytes, bytes | None]] = []
    store = Logging(log)
    joiner, ties = Joiner(INTENTS, store), Ties()
    for offset, event in enumerate(arrival.arrived):
        heard(joiner, ties, event, offset)
    for _, name in SUBJECTS:
        of_log, of_store = found(log, f"{SOURCE}:{name}"), found(store.items(), f"{SOURCE}:{name}")
        assert of_log.itself == of_store.itself
        assert {what: set(one) for what, one in of_log.mentions.items()} == {
            what: set(one) for what, one in of_store.mentions.items()
        }


class Logging(DictStore):
    """A store that keeps what was written to it, as its changelog does."""

    def __init__(self, log: list[tuple[bytes, bytes | None]]) -> None:
        super().__init__()
        self._log = log

    def put(self, key: bytes, value: bytes | None) -> None:
        """As a `DictStore`, and written down."""
        super().put(key, value)
        self._log.append((key, value))


@pytest.mark.parametrize(("what", "name"), SUBJECTS)
@given(arrival=arrivals())
@examples(25)
def test_nobody_names_who_was_forgotten(what: str, name: str, arrival: Arrival) -> None:
    store = known(arrival.arrived)
    forget(store, what, name)
    assert found(store.items(), f"{SOURCE}:{name}").mentions[what] == ()
    assert what not in found(store.items(), f"{SOURCE}:{name}").itself


@given(arrival=arrivals())
@examples(25)
def test_a_deal_that_was_forgotten_is_told_nothing_any_more(arrival: Arrival) -> None:
    store = known(arrival.arrived)
    assert forget(store, "deal", "D1") == []
    joiner, ties = Joiner(INTENTS, store), Ties()
    for offset, event in enumerate(NEWS):
        events, _ = heard(joiner, ties, event, offset)
        assert all(one.key != f"{SOURCE}:D1" for one in events)


def person(name: str, at_us: int, /, *, user: bool | None = None, **fields: str | bool) -> PersonChanged:
    identity, key = f"{name}{at_us}", f"{SOURCE}:{name}"
    return PersonChanged(id=identity, key=key, source=SOURCE, at_us=at_us, person=name, fields={**fields}, user=user)


BUYER = person("P1", at(1), user=False, name="Ana Ruiz", email="ana@example.com", title="CFO")


def account(name: str, at_us: int, /, **fields: str) -> AccountChanged:
    return AccountChanged(
        id=f"{name}{at_us}", key=f"{SOURCE}:{name}", source=SOURCE, at_us=at_us, account=name, fields={**fields}
    )


NEWS: tuple[AnyEvent, ...] = (
    account("A1", LATER_US, industry="farm"),
    account("A2", LATER_US, industry="farm"),
    person("U1", LATER_US, active=False),
    person("U2", LATER_US, active=False),
)
ROLE = RelationChanged(
    id="r",
    key=f"{SOURCE}:R1",
    source=SOURCE,
    at_us=at(2),
    relation="R1",
    fields={"deal": f"{SOURCE}:D1", "person": f"{SOURCE}:P1", "role": "Economic buyer"},
)
CALL = ActivityChanged(
    id="t", key=f"{SOURCE}:T1", source=SOURCE, at_us=at(3), activity="T1", fields={"person": "P1", "done": True}
)


@given(st.permutations([ROLE, CALL, BUYER]))
@examples(6)
def test_nothing_of_a_buyer_stays_in_the_join(events: list[AnyEvent]) -> None:
    store = known(events)
    held = b"".join(value for _, value in store.items())
    assert b"Ana Ruiz" in held
    assert b"ana@example.com" in held
    forget(store, "person", "P1")
    left = b"".join(name + value for name, value in store.items())
    for trace in (b"Ana", b"example.com", b"CFO", b"P1"):
        assert trace not in left
    # what the activity says later goes to nobody through the one who is gone
    joiner = Joiner(INTENTS, store)
    done = ActivityChanged(id="t2", key=CALL.key, source=SOURCE, at_us=at(4), activity="T1", fields={"removed": True})
    assert joiner.fold(done, Cause("t2", "", 0, 0)) == Joined([], [], [])


def test_deals_hear_that_their_account_is_gone() -> None:
    store = known(
        [
            created(at(0), f"{SOURCE}:D1", stage="Lead", account_id="A1"),
            changed(at(1), f"{SOURCE}:D2", account_id="A1"),
            account("A1", at(2), name="Ruiz & Daughters", industry="bank"),
        ]
    )
    told = forget(store, "account", "A1")
    assert {(one.key, one.subject) for one in told if isinstance(one, RelatedChanged)} == {
        (f"{SOURCE}:D1", "A1"),
        (f"{SOURCE}:D2", "A1"),
    }
    gone = {"name": None, "industry": None, "removed": True}
    assert all(one.fields == gone for one in told if isinstance(one, RelatedChanged))
    assert b"Ruiz" not in b"".join(value for _, value in store.items())


def test_a_key_that_is_a_person_and_a_deal_is_told_apart() -> None:
    store = known(
        [
            created(at(0), f"{SOURCE}:5", stage="Lead", account_id="5"),
            person("5", at(1), name="Ana"),
            account("5", at(1), name="Acme"),
        ]
    )
    assert found(store.items(), f"{SOURCE}:5").itself == {"person", "owner", "account"}
    forget(store, "person", "5")
    assert found(store.items(), f"{SOURCE}:5").itself == {"owner", "account"}
    assert found(store.items(), f"{SOURCE}:5").mentions["account"] != ()
