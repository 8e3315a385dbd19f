"""What the courier asks of the other side. Slack is one; a terminal is another; each is one file."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from alerts.blocks import Message
from alerts.replies import NotDone
from alerts.values import Recipient


class Place(NamedTuple):
    """Where something is said: a channel, or the thread of the message at `thread` in it."""

    channel: str
    thread: str = ""


class Spot(NamedTuple):
    """Where a message stands."""

    channel: str
    ts: str


class Voice(Protocol):
    """None of these raises for what the other side answers: that is a value."""

    async def open(self, recipient: Recipient) -> str | NotDone:
        """The channel in which this recipient is spoken to. May be asked again without harm."""

    async def post(self, place: Place, message: Message, mark: str) -> Spot | NotDone:
        """Say something new; `mark` goes with it unseen, so that it can be found again."""

    async def edit(self, spot: Spot, message: Message, mark: str) -> Spot | NotDone:
        """Replace what stands there. May be asked again without harm."""

    async def find(self, place: Place, mark: str, since_us: int) -> Spot | NotDone | None:
        """The message with this mark, said since then; None where there is none."""
