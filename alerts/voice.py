"""What the courier asks of the other side. Slack is one; a terminal is another; each is one file."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from alerts.message import Message
from alerts.replies import NotDone
from alerts.values import Recipient


class Spot(NamedTuple):
    """Where a message stands."""

    channel: str
    ts: str


class Voice(Protocol):
    """None of these raises for what the other side answers: that is a value."""

    async def open(self, recipient: Recipient) -> str | NotDone:
        """The channel in which this recipient is spoken to. May be asked again without harm."""

    async def post(self, channel: str, message: Message, mark: str) -> Spot | NotDone:
        """Say something new; `mark` goes with it unseen, so that it can be found again."""

    async def edit(self, spot: Spot, message: Message, mark: str) -> Spot | NotDone:
        """Replace what stands there. May be asked again without harm."""

    async def find(self, channel: str, mark: str, since_us: int) -> Spot | NotDone | None:
        """The message with this mark, said since then; None where there is none."""
