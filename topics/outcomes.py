"""What can become of one row of input. Bad input is a value, never an exception (law 9).

`parse(record)` answers with one outcome per row of the record, so rows in = accepted + silent + rejected.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import msgspec

from topics.events import AnyEvent

#: A header of raw records: when a record that says no time of its own was read from the source (RFC 3339, with a zone).
READ_AT_HEADER = "signals-read-at"


class RawRecord(NamedTuple):
    """One record of a raw topic, as it was sent. `timestamp_us` is the broker's; 0 where there is none (files)."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    timestamp_us: int = 0


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """A row that became events.

    `silent` names the reason under which it is counted as silent all the same
    (`undated`: it still makes the deal, but says nothing about when); `dirt` lists what was repaired or missing,
    as `<what>.<field>`.
    """

    events: tuple[AnyEvent, ...]
    silent: str = ""
    dirt: tuple[str, ...] = ()


class Silent(msgspec.Struct, frozen=True, gc=False):
    """A row that says nothing to us, by rule. Counted by `reason` (snake case, a bounded set per source)."""

    reason: str


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """A row that could not be understood. `reason` is from a bounded set; `detail` says what and where."""

    reason: str
    detail: str = ""


Outcome: TypeAlias = Accepted | Silent | Rejected

#: What a source's `parser(source)` gives: the rules of one configured source, compiled once. Never raises.
Parser: TypeAlias = Callable[[RawRecord], list[Outcome]]
