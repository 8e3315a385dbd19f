"""A delivery in words: which form of message it takes. Pure."""

from __future__ import annotations

from alerts.blocks import Composed
from alerts.lists import deals, digest, flood, queue, rolled_up
from alerts.message import about_a_deal
from alerts.reasons import Reason
from alerts.values import Delivery, Form
from playbook.model import Playbook


def compose(playbook: Playbook, delivery: Delivery, via: Reason, *, doubtful: bool = False) -> Composed:
    """The delivery as this recipient reads it now; `doubtful`: it may stand there twice, and says so."""
    match delivery.form:
        case Form.DEAL:
            return about_a_deal(playbook, delivery, via, doubtful=doubtful)
        case Form.DEALS:
            return Composed(deals(playbook, delivery, via, doubtful=doubtful))
        case Form.DIGEST:
            return Composed(digest(playbook, delivery, via, doubtful=doubtful))
        case Form.QUEUE:
            return Composed(queue(playbook, delivery, via, doubtful=doubtful))
        case Form.ROLLUP:
            return Composed(rolled_up(delivery, via, doubtful=doubtful))
        case Form.FLOOD:
            return Composed(flood(delivery, via, doubtful=doubtful))
