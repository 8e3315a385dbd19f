"""The owner's hub counts on how many open deals the same text stands, and tells those deals."""

from __future__ import annotations

from signals.intents import intents_of
from signals.joining.joiner import Joiner
from signals.joining.mentions import found
from signals.joining.texts import MAX_DEALS, MOST_DEALS
from signals.joining.ties import TEXTS, Ties, compared
from signals.keyed import DictStore
from signals.replay import heard
from signals.texts import repeat_key, text_key
from tests.unit.brain_story import SOURCE, at, changed, created, removed, rules_of
from topics.events import AnyEvent, Forgotten, TextRepeated, event_id
from topics.signals import Cause

RULES = rules_of()
INTENTS = intents_of(RULES.playbook, RULES.version)
CALL = text_key("next_step", "Call them")


class Listener:
    """What deals hear through a join of their own, event by event."""

    def __init__(self) -> None:
        self.store = DictStore()
        self.joiner, self._ties, self._offset = Joiner(INTENTS, self.store), Ties((), compared(RULES.playbook)), 0
        self.told: list[TextRepeated] = []

    def hear(self, *events: AnyEvent) -> list[tuple[str, int | None]]:
        """The deal and the number, of each text that is told of; the texts of `next_step` of u1."""
        said: list[TextRepeated] = []
        for event in events:
            self._offset += 1
            told, _ = heard(self.joiner, self._ties, event, self._offset)
            said += [one for one in told if isinstance(one, TextRepeated)]
        self.told += said
        return [(one.key.removeprefix(f"{SOURCE}:"), one.deals) for one in said]


def born(number: int, text: str | None = "Call them", owner: str = "u1", stage: str = "Lead") -> AnyEvent:
    return created(at(0) + number, f"{SOURCE}:D{number}", stage=stage, owner_id=owner, next_step=text)


def test_each_deal_hears_how_many_there_are_and_when_it_is_one_no_longer() -> None:
    listener = Listener()
    assert listener.hear(born(1)) == []
    assert listener.hear(born(2, " call  THEM!")) == [("D1", 2), ("D2", 2)]
    assert listener.hear(born(3)) == [("D1", 3), ("D2", 3), ("D3", 3)]
    assert listener.hear(changed(at(1), f"{SOURCE}:D2", next_step="Send it")) == [("D1", 2), ("D2", 0), ("D3", 2)]
    assert listener.hear(changed(at(2), f"{SOURCE}:D3", next_step=None)) == [("D1", 0), ("D3", 0)]
    assert {one.what for one in listener.told} == {repeat_key("u1", CALL)}


def test_only_open_deals_count() -> None:
    listener = Listener()
    assert listener.hear(born(1), born(2, stage="Won"), born(3, stage="Nowhere")) == []
    assert listener.hear(changed(at(1), f"{SOURCE}:D2", stage="Demo")) == [("D1", 2), ("D2", 2)]
    assert listener.hear(changed(at(2), f"{SOURCE}:D1", stage="Lost")) == [("D1", 0), ("D2", 0)]
    assert listener.hear(changed(at(3), f"{SOURCE}:D1", stage="Lead")) == [("D1", 2), ("D2", 2)]
    assert listener.hear(removed(at(4), f"{SOURCE}:D1")) == [("D1", 0), ("D2", 0)]


def test_owners_are_counted_apart_and_a_deal_takes_its_text_along() -> None:
    listener = Listener()
    assert listener.hear(born(1), born(2), born(3, owner="u2")) == [("D1", 2), ("D2", 2)]
    moved = listener.hear(changed(at(1), f"{SOURCE}:D2", owner_id="u2"))
    assert sorted(moved) == [("D1", 0), ("D2", 0), ("D2", 2), ("D3", 2)]
    assert {one.what for one in listener.told if one.key.endswith("D3")} == {repeat_key("u2", CALL)}


def test_a_change_that_comes_late_is_put_in_its_place() -> None:
    listener = Listener()
    assert listener.hear(born(1), born(2)) == [("D1", 2), ("D2", 2)]
    listener.hear(changed(at(2), f"{SOURCE}:D1", next_step="Send it"))
    before = len(listener.told)
    listener.hear(changed(at(1), f"{SOURCE}:D2", stage="Won"))
    late = listener.told[before:]
    # The end of the repeat is earlier now: what was said of the later change is taken back.
    assert [(one.key[-2:], one.at_us, one.deals) for one in late] == [
        ("D1", at(1), 0),
        ("D1", at(2), None),
        ("D2", at(1), 0),
        ("D2", at(2), None),
    ]
    assert {one.version for one in late} == {4}, "a higher one than that of what it replaces"


def test_above_the_most_that_a_playbook_may_ask_for_nobody_else_hears_of_one_more() -> None:
    listener = Listener()
    listener.hear(*map(born, range(MOST_DEALS)))
    assert listener.hear(born(MOST_DEALS)) == [(f"D{MOST_DEALS}", MOST_DEALS)]
    numbers = range(MOST_DEALS + 1, MAX_DEALS + 10)
    assert listener.hear(*map(born, numbers)) == [(f"D{number}", MOST_DEALS) for number in numbers]
    # the first is not counted any more, and still hears that it has gone
    assert listener.hear(changed(at(1), f"{SOURCE}:D0", next_step="Send it")) == [("D0", 0)]


def test_of_a_text_on_many_deals_the_number_is_right_though_few_are_known_by_name() -> None:
    listener = Listener()
    many = MAX_DEALS + 20
    listener.hear(*map(born, range(many)))
    for number in range(many - MOST_DEALS):  # those who go say so, and nobody else hears of it while enough are left
        changes = changed(at(1) + number, f"{SOURCE}:D{number}", next_step=f"Their own {number}")
        assert listener.hear(changes) == [(f"D{number}", 0)]
    told = listener.hear(changed(at(2), f"{SOURCE}:D{many - 1}", next_step="Its own"))
    assert told == [(f"D{number}", MOST_DEALS - 1) for number in range(many - MOST_DEALS, many - 1)] + [
        (f"D{many - 1}", 0)
    ]


def test_what_is_over_for_long_leaves_nothing_behind() -> None:
    listener = Listener()
    listener.hear(*(born(number, f"Their own {number}") for number in range(40)))
    listener.hear(*(changed(at(1) + number, f"{SOURCE}:D{number}", stage="Lost") for number in range(40)))
    assert b"D1" in b"".join(_of_texts(listener).values())
    listener.hear(
        *(created(at(30) + n, f"{SOURCE}:N{n}", stage="Lead", owner_id="u1", next_step="x") for n in range(90))
    )
    assert b"D1" not in b"".join(_of_texts(listener).values())


def _of_texts(listener: Listener) -> dict[bytes, bytes]:
    return {name: value for name, value in listener.store.items() if b" texts" in name or b" repeats" in name if value}


def test_what_concerns_no_text_says_nothing() -> None:
    listener = Listener()
    listener.hear(born(1), born(2))
    assert listener.hear(changed(at(1), f"{SOURCE}:D1", stage="Demo", amount=5.0)) == []
    assert listener.hear(changed(at(1), f"{SOURCE}:D1", stage="Demo", amount=5.0)) == []  # a repeat


def test_where_nobody_asks_no_text_is_passed_on() -> None:
    off = rules_of({"junk_field": {"enabled": False}})
    assert compared(off.playbook) == ()
    told = Ties((), compared(RULES.playbook)).of(born(1))
    assert [one.relation.endswith(TEXTS) for one in told] == [False, True]
    assert told[1].fields["text.next_step"] == CALL, "a hash, not what was written"
    assert not any(one.relation.endswith(TEXTS) for one in Ties().of(born(1)))


def test_a_deal_that_is_forgotten_is_told_nothing_and_the_others_hear_that_it_has_gone() -> None:
    listener = Listener()
    listener.hear(born(1), born(2))
    deal = f"{SOURCE}:D1"
    knowing = dict.fromkeys(mention.key for mention in found(listener.store.items(), deal).mentions["deal"])
    assert list(knowing) == [f"{deal}/owner", f"{deal}{TEXTS}", f"{SOURCE}:u1"]
    for key in knowing:
        event = Forgotten(id=event_id(key), key=key, source=SOURCE, at_us=at(1), subject=deal, what="deal")
        told = listener.joiner.fold(event, Cause(event.id)).events
        assert [(one.key, one.deals) for one in told if isinstance(one, TextRepeated)] == (
            [(f"{SOURCE}:D2", 0)] if key.endswith(":u1") else []
        )
    assert found(listener.store.items(), deal).mentions["deal"] == ()
    assert not any(deal.encode() in value for _, value in listener.store.items())
