"""How long deals stay, as it stands on `stage.dwells`: one record per stay, said anew whenever it changes.

A stay that still runs has no end; who reads it measures it up to T. Nothing has to be said while only time passes.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from topics.codec import decoder, encode
from topics.events import Instant

DwellOutcome: TypeAlias = Literal["open", "won", "lost"]


class Dwell(msgspec.Struct, frozen=True, kw_only=True, tag="dwell", omit_defaults=True):
    """A deal's stay in a stage, or, where `stage` is empty, its cycle: from its creation until it closed.

    `entry` is the id of the event that began it: deal, stage and entry identify it. `until_us` None: it still runs.
    `outcome` and `closed_us` are the deal's, however long ago it left the stage. `segment` None: a deal of none.
    """

    deal: str
    entry: str
    pipeline: str
    stage: str = ""
    segment: str | None = None
    from_us: Instant
    until_us: Instant | None = None
    outcome: DwellOutcome = "open"
    closed_us: Instant | None = None

    @property
    def identity(self) -> DwellId:
        """What stays the same while the rest changes."""
        return (self.deal, self.entry, self.stage)


#: The deal, the event that began it, the stage.
DwellId: TypeAlias = tuple[str, str, str]


class DwellUndone(msgspec.Struct, frozen=True, kw_only=True, tag="undone", omit_defaults=True):
    """This stay counts no longer: a late event undid it, the deal was deleted, or is forgotten."""

    deal: str
    entry: str
    pipeline: str
    stage: str = ""
    segment: str | None = None

    @property
    def identity(self) -> DwellId:
        """As of a `Dwell`."""
        return (self.deal, self.entry, self.stage)


DwellRecord: TypeAlias = Dwell | DwellUndone

decode_dwell = decoder(DwellRecord)


def dwell_key(record: DwellRecord) -> bytes:
    """The record's key: the distribution that the stay belongs to."""
    return encode([record.pipeline, record.stage, record.segment])
