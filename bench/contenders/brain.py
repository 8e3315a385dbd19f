"""The brain as the peers use it: one deal's event folded by `step`, its state as bytes, its signals as bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from bench.contenders.playbooks import the_panel
from signals.emit import Position, signal_of
from signals.episodes import Transition
from signals.judge import Panel, Stored
from signals.packing import pack, unpack
from signals.step import State, step
from topics.catalog import DEAL_EVENTS
from topics.codec import decode_deal_event, encode

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(State).decode


def encode_state(state: State) -> bytes:
    """The bytes that our own store would hold: a quarter of the plain ones, which the peers' changelogs gain from."""
    return pack(_encode(state))


def decode_state(value: bytes) -> State:
    """The state again."""
    return _decode(unpack(value))


@dataclass
class Brain:
    """The panel of the playbook that ships, and how often it spoke."""

    kinds: tuple[str, ...] = ()
    panel: Panel = field(init=False)
    transitions: int = 0

    def __post_init__(self) -> None:
        """Compile the playbook."""
        self.panel = the_panel(self.kinds)

    def decided(self, state: State | None, value: bytes, offset: int) -> tuple[State | None, list[Transition]]:
        """The deal's state after an event, and what is to be said."""
        stepped = step(self.panel, state, Stored(decode_deal_event(value), offset))
        self.transitions += len(stepped.transitions)
        return stepped.state, stepped.transitions

    def encoded(self, transitions: list[Transition], partition: int) -> Iterator[bytes]:
        """The signals of the transitions, as they go to a topic."""
        position = Position(DEAL_EVENTS, partition)
        for transition in transitions:
            yield encode(signal_of(self.panel.rules, transition, position))
