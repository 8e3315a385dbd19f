"""What comes in changes the mailbox, and messages that stand are edited. Nobody is interrupted by that.

What is to be said anew is left to the pipeline, which is asked at the next moment.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from alerts.actions import ActionKind
from alerts.policy.effects import Effect, decided, delivery
from alerts.policy.state import REMEMBERED, Item, Mailbox, Page
from alerts.policy.terms import GRAVITY, Terms
from alerts.reasons import Reason
from alerts.values import Acted, Flooded, Form, Op, Told, Withdrawn, digest
from topics.codec import encode
from topics.instants import MINUTE_US, parse_rfc3339
from topics.signals import Cause, Signal, Step

_replace = msgspec.structs.replace
#: Notices of a flood of the same kind within this are of the same flood, whichever partition they come from.
SAME_FLOOD_US = 15 * MINUTE_US
#: What the log says of an action.
ACTIONS: dict[ActionKind, Reason] = {
    ActionKind.DONE: Reason.DONE,
    ActionKind.SNOOZE: Reason.SNOOZED,
    ActionKind.NOT_RELEVANT: Reason.NOT_RELEVANT,
    ActionKind.OVERRIDE: Reason.OVERRIDDEN,
    ActionKind.ACKNOWLEDGE: Reason.ACKNOWLEDGED,
}
_FOR_ONCE = frozenset({ActionKind.DONE, ActionKind.ACKNOWLEDGE})
_EDITS = {Step.OPENED: Reason.REOPENED, Step.UPDATED: Reason.UPDATED, Step.RESOLVED: Reason.RESOLVED}


def take_told(box: Mailbox, terms: Terms, told: Told, now_us: int) -> Iterator[Effect]:
    """A transition."""
    box.lead(_replace(box.head, recipient=told.recipient, version=terms.version))
    at_us, mark = parse_rfc3339(told.signal.occurred_at), fingerprint(told.signal)
    item = box.items.get(told.signal.id) or _taken_over(box, told)
    unchanged = None if item is None else _says_nothing(item, told.signal, at_us, mark)
    if item is not None and unchanged is not None:
        yield decided(box, item, unchanged, now_us)
        return
    if item is None:
        yield from _first_heard(box, terms, told, now_us)
        return
    for recipient in item.passed_to:
        yield _replace(told, recipient=recipient, via=Reason.ESCALATED)
    seen = (*item.seen, mark)[-REMEMBERED:]
    changed = _replace(
        item, signal=told.signal, at_us=at_us, heard_us=now_us, seen=seen, large=told.large, via=told.via
    )
    yield from _changed(box, terms, item, changed, now_us)


def _says_nothing(item: Item, signal: Signal, at_us: int, mark: str) -> Reason | None:
    if mark in item.seen:
        return Reason.DUPLICATE
    if signal.transition is Step.UPDATED and at_us < item.at_us:
        return Reason.OUT_OF_ORDER
    return None


def _first_heard(box: Mailbox, terms: Terms, told: Told, now_us: int) -> Iterator[Effect]:
    over = told.signal.transition is Step.RESOLVED
    item = Item(
        signal=told.signal,
        via=told.via,
        reason=Reason.RESOLVED_BEFORE_TOLD if over else Reason.SETTLING,
        at_us=parse_rfc3339(told.signal.occurred_at),
        heard_us=now_us,
        seen=(fingerprint(told.signal),),
        large=told.large,
        before=told.before,
        settled_us=_settled_us(terms, told.signal, now_us),
    )
    if not over:
        box.put(item)
    yield decided(box, item, item.reason, now_us, until_us=0 if over else item.settled_us)


def _changed(box: Mailbox, terms: Terms, before: Item, item: Item, now_us: int) -> Iterator[Effect]:
    if item.first is not None:
        reason = _EDITS[item.signal.transition]
        item = _again(box, terms, item, now_us) if reason is Reason.REOPENED else item
        item = _replace(item, digest_us=0) if _is_graver(item.signal, before.signal) else item
        box.put(item)
        yield from edited(box, terms, item, reason, now_us)
        return
    if item.is_over:
        item = _replace(item, reason=Reason.RESOLVED_BEFORE_TOLD)
    elif item.via is Reason.HEARD_BEFORE:
        item = _replace(item, reason=Reason.NOT_THEIRS)
    elif before.reason is not Reason.FLOOD and (before.is_over or _is_graver(item.signal, before.signal)):
        settled_us = _settled_us(terms, item.signal, now_us)
        if not before.is_over:
            settled_us = min(settled_us, before.settled_us)
        item = _replace(item, settled_us=settled_us, ready_us=0, digest_us=0, reason=Reason.SETTLING)
    box.put(item)
    if item.reason is not before.reason:
        yield decided(box, item, item.reason, now_us, until_us=0 if item.is_over else item.settled_us)
    else:
        yield decided(box, item, item.reason, now_us)


def _is_graver(signal: Signal, before: Signal) -> bool:
    return GRAVITY[signal.severity] > GRAVITY[before.severity]


def _again(box: Mailbox, terms: Terms, item: Item, now_us: int) -> Item:
    """It holds again: what was said of the last time, that it is done or taken on, does not count for this one."""
    spent = item.action is not None and item.action.kind in _FOR_ONCE
    answer_us = terms.answer_us(item.signal, box.recipient, now_us)
    return _replace(item, answer_us=answer_us, action=None if spent else item.action)


def _settled_us(terms: Terms, signal: Signal, now_us: int) -> int:
    """Deadlines count from the detection; a signal of old that does not name it counts from its arrival."""
    start_us = parse_rfc3339(signal.detected_at) if signal.detected_at else now_us
    return min(start_us, now_us) + terms.settle_us(signal.severity)


def _taken_over(box: Mailbox, told: Told) -> Item | None:
    """What an earlier release remembered of the signal. Its message is known by the signal's id."""
    said = box.earlier.get(told.signal.id)
    if said is None:
        return None
    # How the episode stood then: of its transition only what matters here is known.
    signal = _replace(told.signal, transition=said.step)
    item = Item(
        signal=signal,
        via=told.via,
        reason=Reason.TOLD if said.told else Reason.RESOLVED_BEFORE_TOLD,
        first=Reason.TOLD if said.told else None,
        told_as=signal.severity if said.told else None,
        told_us=said.heard_us if said.told else 0,
        at_us=said.at_us,
        heard_us=said.heard_us,
        seen=said.seen,
    )
    box.put(item)
    if said.told:
        box.put_page(Page(id=signal.id, form=Form.DEAL, via=told.via, signals=(signal.id,), seq=said.seq))
    return item


def edited(box: Mailbox, terms: Terms, item: Item, reason: Reason, now_us: int) -> Iterator[Effect]:
    """Every message about the item's deal is brought up to date, and of the lists that show it the latest.

    Each digest and each queue stands in the place of the ones before; to edit them all would be a call for every week
    that the item was open.
    """
    pages = box.pages_with(item.signal.id)
    lists = [page for page in pages if page.form in _LISTS]
    for page in (*(page for page in pages if page.form not in _LISTS), *lists[-1:]):
        newer = _replace(page, seq=page.seq + 1)
        box.put_page(newer)
        edit = delivery(box, terms, newer, Op.EDIT, reason)
        yield edit
        yield decided(box, item, reason, now_us, edit)


#: Messages that a later one of their form stands in for.
_LISTS = frozenset({Form.DIGEST, Form.QUEUE})


def take_acted(box: Mailbox, terms: Terms, acted: Acted, now_us: int) -> Iterator[Effect]:
    """What somebody did. An action that was overtaken by a later one changes nothing."""
    action = acted.action
    item = box.items.get(action.signal)
    if item is None or (item.action is not None and (item.action.at, item.action.id) >= (action.at, action.id)):
        return
    for recipient in item.passed_to:
        yield Acted(recipient=recipient, action=action)
    reason = ACTIONS[action.kind]
    item = _replace(item, action=action, reason=reason if item.first is None else item.reason)
    box.put(item)
    if item.first is None:
        until_us = parse_rfc3339(action.until) if action.until else 0
        yield decided(box, item, reason, now_us, until_us=until_us, detail=action.reason)
    else:
        yield from edited(box, terms, item, reason, now_us)


def take_withdrawn(box: Mailbox, withdrawn: Withdrawn, now_us: int) -> Iterator[Effect]:
    """A signal of a flood, unless it was told already."""
    item = box.items.get(withdrawn.signal)
    if item is None or item.first is not None or item.is_over:
        return
    item = _replace(item, reason=Reason.FLOOD)
    box.put(item)
    yield decided(box, item, Reason.FLOOD, now_us)


def take_flooded(box: Mailbox, terms: Terms, flooded: Flooded, now_us: int) -> Iterator[Effect]:
    """One message per flood, edited when more is known of it."""
    box.lead(_replace(box.head, recipient=flooded.recipient, version=terms.version))
    signal = flooded.signal
    page = next(
        (
            each
            for each in reversed(box.pages.values())
            if each.flood is not None and each.flood.kind is signal.kind and now_us - each.heard_us <= SAME_FLOOD_US
        ),
        None,
    )
    if page is None:
        op, reason = Op.POST, Reason.TOLD
        page = Page(
            id=digest(box.recipient.key, signal.id, str(now_us)),
            form=Form.FLOOD,
            via=flooded.via,
            signals=(),
            seq=0,
            flood=signal,
            since=flooded.since,
        )
    else:
        op, reason = Op.EDIT, Reason.UPDATED
    counts = page.counts | {flooded.partition: flooded.count}
    page = _replace(page, seq=page.seq + 1, counts=counts, heard_us=now_us)
    box.put_page(page)
    said = delivery(box, terms, page, op, reason)
    yield said
    yield decided(box, flooded, Reason.FLOOD, now_us, said)


def fingerprint(signal: Signal) -> str:
    """What two runs over the same log agree on: all but `detected_at` and the causes' positions (law 6)."""
    causes = tuple(Cause(each.id) for each in signal.evidence.events)
    evidence = _replace(signal.evidence, events=causes)
    return digest(encode(_replace(signal, detected_at="", evidence=evidence)).decode())
