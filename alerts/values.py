"""What travels inside the voice: `alert.inbox`, `alert.outbox`, `alert.log`, and the state of notify."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from enum import StrEnum
from typing import TypeAlias

import msgspec

from alerts.actions import Action, Handled
from alerts.reasons import Reason
from topics.codec import decoder
from topics.signals import Kind, Signal, Step


class Recipient(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One person or one channel. `key` is the Kafka key and stays when an address changes.

    A person has `slack` (an id) or `email`; a channel has `channel` (an id, or `#name`).
    """

    key: str
    name: str
    slack: str | None = None
    email: str | None = None
    channel: str | None = None


class Told(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="told", tag_field="type"):
    """A transition that this recipient may hear of (`alert.inbox`), and why this recipient (`via`).

    `large`: the deal is one of the largest. `before`: the keys of those who were told of it before it came here.
    """

    recipient: Recipient
    via: Reason
    signal: Signal
    large: bool = False
    before: tuple[str, ...] = ()


class Acted(msgspec.Struct, frozen=True, kw_only=True, tag="acted", tag_field="type"):
    """What somebody did about a signal that this recipient may have heard of."""

    recipient: Recipient
    action: Action


class Withdrawn(msgspec.Struct, frozen=True, kw_only=True, tag="withdrawn", tag_field="type"):
    """A signal that turned out to be part of a flood: who has not been told of it yet, is not."""

    recipient: Recipient
    signal: str


class Flooded(msgspec.Struct, frozen=True, kw_only=True, tag="flooded", tag_field="type"):
    """So many openings of one kind, in one partition, since (RFC 3339). `signal` stands for all of them."""

    recipient: Recipient
    via: Reason
    signal: Signal
    count: int
    partition: int
    since: str


class Moment(msgspec.Struct, frozen=True, kw_only=True, tag="moment", tag_field="type"):
    """It is `at_us`: everything that was said before has reached the inbox. In every partition, every second."""

    at_us: int


Entry: TypeAlias = Told | Acted | Withdrawn | Flooded | Moment


class Op(StrEnum):
    """What is to be done on the other side. `REMIND` edits in place and interrupts once more, in the thread."""

    POST = "post"
    EDIT = "edit"
    REMIND = "remind"


class Form(StrEnum):
    """What a message is about: one deal, several, the rest of a day, a week's queue, a roll-up, or a flood."""

    DEAL = "deal"
    DEALS = "deals"
    DIGEST = "digest"
    QUEUE = "queue"
    ROLLUP = "rollup"
    FLOOD = "flood"


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """A roll-up as it is to be read: a title and lines of plain text, as yet unescaped."""

    title: str
    lines: tuple[str, ...]


class Delivery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing to say or edit (`alert.outbox`). `seq` counts what this recipient is to see of this message, from 1.

    `message` is the message's identity for this recipient, the same for every edit and reminder of it; empty: the
    signal's id. `signal` is the gravest, and names the deal; `signals` are all that the message shows, that one
    included, in order, those that are over, too (empty: `signal` alone). `handled` is what people did about them.

    `count`: how many more than are shown (digest, queue), or how many opened (flood). `since`: when a flood began, RFC
    3339. `sheet`: what a roll-up says beside its signals.
    """

    seq: int
    op: Op
    reason: Reason
    via: Reason
    recipient: Recipient
    signal: Signal
    message: str = ""
    signals: tuple[Signal, ...] = ()
    handled: tuple[Handled, ...] = ()
    form: Form = Form.DEAL
    count: int = 0
    since: str = ""
    sheet: Sheet | None = None

    @property
    def about(self) -> str:
        """The message's identity for this recipient."""
        return self.message or self.signal.id

    @property
    def shown(self) -> tuple[Signal, ...]:
        """Every signal that the message shows."""
        return self.signals or (self.signal,)

    @property
    def id(self) -> str:
        """The same for a repeat of the same delivery."""
        return digest(self.recipient.key, self.about, str(self.seq))


class Decision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was decided about one transition and one recipient (`alert.log`). Instants are RFC 3339.

    `recipient` is a key, `message` the message's identity; `until`: what is held is looked at again then at the latest.
    """

    signal: str
    kind: Kind
    transition: Step
    reason: Reason
    at: str
    subject_key: str = ""
    recipient: str = ""
    via: Reason | None = None
    op: Op | None = None
    seq: int = 0
    detail: str = ""
    message: str = ""
    until: str = ""


class Heard(msgspec.Struct, frozen=True):
    """Who has heard of an open signal: they hear how it ends, whoever owns the deal by then. State of the fan-out."""

    recipients: tuple[Recipient, ...]


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What the policy of earlier releases remembered of one signal and one recipient; read, never written.

    `at_us` is the instant of the latest transition, `heard_us` when it was decided upon; `seen` are fingerprints of
    the transitions that arrived, newest last; `told` is false while there was nothing to tell.
    """

    step: Step
    at_us: int
    heard_us: int
    seq: int
    told: bool
    seen: tuple[str, ...]


def digest(*parts: str) -> str:
    """Twenty hex digits of BLAKE2b over the parts."""
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=10).hexdigest()


decode_entry: Callable[[bytes], Entry] = decoder(Entry)
decode_delivery: Callable[[bytes], Delivery] = decoder(Delivery)
decode_decision: Callable[[bytes], Decision] = decoder(Decision)
decode_heard: Callable[[bytes], Heard] = decoder(Heard)
decode_said: Callable[[bytes], Said] = decoder(Said)
