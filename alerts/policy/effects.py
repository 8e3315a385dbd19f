"""What comes of a mailbox: lines for the log, deliveries, and entries for other mailboxes. As values."""

from __future__ import annotations

from typing import TypeAlias

from alerts.actions import handled
from alerts.policy.state import Item, Mailbox, Page
from alerts.policy.terms import GRAVITY, Terms
from alerts.reasons import Reason
from alerts.values import Acted, Decision, Delivery, Flooded, Form, Op, Told, Withdrawn
from topics.instants import rfc3339

Forward: TypeAlias = Told | Acted | Withdrawn
Effect: TypeAlias = Decision | Delivery | Forward


def decided(  # noqa: PLR0913, PLR0917 - a line of the log
    box: Mailbox,
    about: Item | Flooded,
    reason: Reason,
    now_us: int,
    said: Delivery | None = None,
    until_us: int = 0,
    detail: str = "",
) -> Decision:
    """A line of the log about one signal."""
    return Decision(
        signal=about.signal.id,
        kind=about.signal.kind,
        transition=about.signal.transition,
        reason=reason,
        at=rfc3339(now_us),
        subject_key=about.signal.subject_key,
        recipient=box.recipient.key,
        via=about.via,
        op=said.op if said else None,
        seq=said.seq if said else 0,
        message=said.about if said else "",
        until=rfc3339(until_us) if until_us else "",
        detail=detail,
    )


def delivery(box: Mailbox, terms: Terms, page: Page, op: Op, reason: Reason) -> Delivery:
    """A page as it is to be said: what is open goes first, then the graver, then the larger."""
    rank = _by_size if page.form is Form.QUEUE else _rank
    items = sorted((box.items[each] for each in page.signals if each in box.items), key=lambda each: rank(each, terms))
    signals = tuple(each.signal for each in items) or ((page.flood,) if page.flood else ())
    return Delivery(
        seq=page.seq,
        op=op,
        reason=reason,
        via=page.via,
        recipient=box.recipient,
        signal=signals[0],
        message=page.id,
        signals=signals if len(signals) > 1 else (),
        handled=tuple(handled(each.action) for each in items if each.action is not None),
        form=page.form,
        count=sum(page.counts.values()) or page.more,
        since=page.since,
    )


def _by_size(item: Item, terms: Terms) -> tuple[bool, float, int, str]:
    return item.is_over, -terms.money(item.signal), -GRAVITY[item.signal.severity], item.signal.id


def _rank(item: Item, terms: Terms) -> tuple[bool, int, float]:
    return item.is_over, -GRAVITY[item.signal.severity], -terms.money(item.signal)
