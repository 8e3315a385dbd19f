"""What stands on the topic `definitions`: every version that was published, and which one was published last.

A version is kept for good, for logs name it: `deal.events` and `people.events` by the control event
`DefinitionsChanged`, signals and views by their field `playbook`, signals by learned limits by `evidence.baseline`.

What counts is a playbook and, beside it, baselines or none. Both together are called by `counted`.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import msgspec

from topics.codec import decoder
from topics.events import Instant

#: The keys of the records that say what was published last; versions are the keys of the others.
CURRENT_KEY = "current"
CURRENT_BASELINES_KEY = "current.baselines"
#: In the place of a version: what was learned counts no more, fixed limits do.
NO_BASELINES = "none"
_BESIDE = "+"


class PublishedPlaybook(msgspec.Struct, frozen=True, kw_only=True, tag="playbook"):
    """A playbook as it was published, under its version.

    `text` is the YAML file, comments included; `name` the playbook's own name; `published_at` RFC 3339 in UTC.
    """

    version: str
    name: str
    text: str
    published_at: str


class CurrentDefinitions(msgspec.Struct, frozen=True, kw_only=True, tag="current"):
    """What was published last: for people and commands. What counts where is said by each partition's own log.

    `id` is the control event's, `at_us` the publisher's time.
    """

    playbook: str
    id: str
    at_us: Instant


class PublishedBaselines(msgspec.Struct, frozen=True, kw_only=True, tag="baselines"):
    """Baselines as they were published, under their version. `text` is the file; `published_at` RFC 3339 in UTC."""

    version: str
    text: str
    published_at: str


class CurrentBaselines(msgspec.Struct, frozen=True, kw_only=True, tag="current_baselines"):
    """Which baselines were published last, or "none"; else as `CurrentDefinitions`."""

    baselines: str
    id: str
    at_us: Instant


Definition: TypeAlias = PublishedPlaybook | CurrentDefinitions | PublishedBaselines | CurrentBaselines

decode_definition = decoder(Definition)


class Counted(NamedTuple):
    """The versions of what counts. `baselines` is empty where nothing that was learned does."""

    playbook: str
    baselines: str = ""

    @property
    def versions(self) -> tuple[str, ...]:
        """Those that must be known."""
        return (self.playbook, self.baselines) if self.baselines else (self.playbook,)


def counted(playbook: str, baselines: str = "") -> str:
    """How both together are called: by the playbook's version alone where nothing learned counts."""
    return f"{playbook}{_BESIDE}{baselines}" if baselines and baselines != NO_BASELINES else playbook


def parts_of(name: str) -> Counted:
    """What `counted` put together."""
    return Counted(*name.split(_BESIDE, 1))
