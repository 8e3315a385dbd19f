"""A round: the pipeline over one mailbox at one instant, and what came of it folded into the mailbox."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from alerts.policy.effects import Effect, decided, delivery
from alerts.policy.pipeline import (
    NEWS,
    Candidate,
    Occasion,
    Raised,
    Saying,
    Scene,
    Stopped,
    repeat_us,
    silent_until_us,
    through,
)
from alerts.policy.state import NEVER_US, Head, Item, Mailbox, Page
from alerts.policy.terms import GRAVITY, Terms
from alerts.reasons import Reason
from alerts.values import Form, Op, Told, digest

_replace = msgspec.structs.replace
#: What becomes of a signal that is told in a message which stands already.
_JOINING = frozenset({Reason.TOLD, Reason.MERGED})
#: Messages that say something once more in place; digests and queues are of their day.
_OF_DEALS = frozenset({Form.DEAL, Form.DEALS})


def play(box: Mailbox, terms: Terms, now_us: int) -> list[Effect]:
    """Run the pipeline; the head says when it is to be run again, unless something arrives before."""
    hours = terms.hours(box.recipient)
    empty = Scene(now_us, box.head, terms, hours, {}, hours.zone.day_of(now_us))
    everything = empty.queues
    due = [item for item in box.items.values() if (everything or _is_due(item, now_us)) and item.is_open]
    scene = empty._replace(deals={item.signal.subject_key: box.deal(item.signal.subject_key) for item in due})
    passage = through(scene, tuple(Candidate(item, _occasion(scene, item)) for item in due))
    effects: list[Effect] = []
    for stopped in passage.stopped:
        effects += _held(box, stopped, now_us)
    for saying in passage.sayings:
        effects += _said(box, scene, saying)
    for raised in passage.raised:
        effects += _passed_on(box, raised, now_us)
    after = scene._replace(head=box.head)
    for one in (*passage.going, *(one for saying in passage.sayings for one in saying.told)):
        _stands(box, after, one.item.signal.id)
    box.lead(_replace(box.head, due_us=max(min(_dues(box, after), default=NEVER_US), now_us + 1)))
    return effects


def _is_due(item: Item, now_us: int) -> bool:
    """By its own time, or because it is ready to go along with others."""
    return item.due_us <= now_us or item.ready_us > 0


def _occasion(scene: Scene, item: Item) -> Occasion:
    if item.first is None:
        return Occasion.NEW
    if item.told_as is not None and GRAVITY[item.signal.severity] > GRAVITY[item.told_as]:
        return Occasion.WORSE
    if item.action is not None:
        until_us = silent_until_us(item.action, scene.terms)
        if until_us is not None and scene.now_us >= until_us:
            return Occasion.BACK
    return Occasion.STANDING


def _held(box: Mailbox, stopped: Stopped, now_us: int) -> Iterator[Effect]:
    """Logged when the reason is another than before; what was told before stays as it was told."""
    before = box.items[stopped.item.signal.id]
    item = stopped.item
    if stopped.reason is not Reason.GROUPING and item.ready_us:
        item = _replace(item, ready_us=0)
    if item.first is None and item.reason is not stopped.reason:
        item = _replace(item, reason=stopped.reason)
    item = _replace(item, due_us=stopped.until_us or NEVER_US)
    if item != before:
        box.put(item)
    newly = item.reason is not before.reason or (item.first is not None and item.digest_us and not before.digest_us)
    if newly:
        yield decided(box, item, stopped.reason, now_us, until_us=stopped.until_us, detail=stopped.detail)


def _said(box: Mailbox, scene: Scene, saying: Saying) -> Iterator[Effect]:
    """One message: a new one, or one that stands and interrupts once more."""
    now_us = scene.now_us
    page = _standing(box, scene, saying)
    op = Op.POST if page is None else Op.REMIND
    items = (*(one.item for one in saying.told), *saying.listed)
    shown = tuple(item.signal.id for item in items)
    if page is None:
        lead = items[0]
        page = Page(
            id=digest(box.recipient.key, lead.signal.id, str(now_us)),
            form=saying.form,
            via=lead.via,
            signals=(),
            seq=0,
            born_us=now_us,
            more=saying.more,
        )
    page = _replace(page, seq=page.seq + 1, signals=tuple(dict.fromkeys((*shown, *page.signals))))
    told = [_told(box, scene, one, joins=op is Op.REMIND) for one in saying.told]
    for item in told:
        box.put(item)
    box.put_page(page)
    said = delivery(box, scene.terms, page, op, told[0].reason if told else Reason.QUEUED)
    yield said
    for item in told:
        yield decided(box, item, item.reason, now_us, said)
    for item in saying.listed:
        yield decided(box, box.items[item.signal.id], Reason.QUEUED, now_us, said)
    box.lead(_counted(box.head, scene, saying.form))


def _standing(box: Mailbox, scene: Scene, saying: Saying) -> Page | None:
    """The message that is to say it: the one about the deal, while something in it is open; else one that shows all."""
    if saying.form not in _OF_DEALS:
        return None
    lead = saying.told[0].item.signal
    if saying.form is Form.DEAL:
        pages = [page for item in scene.deals[lead.subject_key] for page in box.pages_with(item.signal.id)]
        about = [page for page in pages if page.form is Form.DEAL]
        if about:
            return max(about, key=lambda page: (page.born_us, page.id))
    wanted = {one.item.signal.id for one in saying.told}
    shared = [page for page in box.pages_with(lead.id) if page.form in _OF_DEALS and wanted <= set(page.signals)]
    return shared[-1] if shared else None


def _told(box: Mailbox, scene: Scene, one: Candidate, *, joins: bool) -> Item:
    item, now_us = box.items[one.item.signal.id], scene.now_us
    reason = Reason.JOINED if joins and one.reason in _JOINING else one.reason
    repeats = one.reason is Reason.REPEATED
    answer_us = item.answer_us if repeats else scene.terms.answer_us(item.signal, box.recipient, now_us)
    return _replace(
        item,
        reason=reason,
        first=item.first or reason,
        told_as=item.signal.severity,
        told_us=now_us,
        gap_us=now_us - item.told_us if repeats else 0,
        repeats=item.repeats + 1 if repeats else 0,
        ready_us=0,
        digest_us=0,
        answer_us=answer_us,
        action=None if one.occasion in NEWS and item.first is not None else item.action,
    )


def _counted(head: Head, scene: Scene, form: Form) -> Head:
    """A digest is the one of its day, a queue that of its week, too; everything else is an interruption."""
    if form is Form.DIGEST:
        return _replace(head, digest_day=scene.today)
    if form is Form.QUEUE:
        return _replace(head, digest_day=scene.today, queue_week=scene.week)
    spent = head.spent if head.day == scene.today else 0
    return _replace(head, day=scene.today, spent=spent + 1)


def _passed_on(box: Mailbox, raised: Raised, now_us: int) -> Iterator[Effect]:
    item = _replace(box.items[raised.item.signal.id], answer_us=0)
    if raised.to is not None:
        recipient = raised.to.recipient
        item = _replace(item, passed_to=(*item.passed_to, recipient))
        before = (*item.before, box.recipient.key, *(each.key for each in item.passed_to[:-1]))
        yield Told(recipient=recipient, via=Reason.ESCALATED, signal=item.signal, large=item.large, before=before)
        yield decided(box, item, Reason.ESCALATED, now_us, detail=recipient.name)
    box.put(item)


def _stands(box: Mailbox, scene: Scene, signal: str) -> None:
    """What was told is looked at again when it is to be repeated or passed on."""
    item = box.items[signal]
    dues = (repeat_us(scene, item), item.answer_us + 1 if item.answer_us else 0)
    box.put(_replace(item, due_us=min(filter(None, dues), default=NEVER_US)))


def _dues(box: Mailbox, scene: Scene) -> Iterator[int]:
    """When something may change by time alone."""
    dues = [item.due_us for item in box.items.values() if item.is_open]
    yield from dues
    if dues and (queue_us := scene.next_queue_us()):
        yield queue_us
