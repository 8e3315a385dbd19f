"""What stands on the topic `definitions`: every version that was published, and which one was published last.

A version is kept for good, for logs name it: `deal.events` and `people.events` by the control event
`DefinitionsChanged`, signals and views by their field `playbook`.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from topics.codec import decoder
from topics.events import Instant

#: The key of the record that says what was published last; versions are the keys of the others.
CURRENT_KEY = "current"


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


Definition: TypeAlias = PublishedPlaybook | CurrentDefinitions

decode_definition = decoder(Definition)
