"""Pipedrive: webhooks v2 as they were posted, and records of its API v2. See docs/sources/pipedrive.md.

The way of a body: `parsing` takes it apart, `webhooks` and `records` make a change of each row, `entities` says what a
change of a deal, an activity, a person, an organization or a user becomes, by the tables of `fields` and `activities`.
"""

from topics.sources.pipedrive.parsing import parse, parser

__all__ = ["parse", "parser"]
