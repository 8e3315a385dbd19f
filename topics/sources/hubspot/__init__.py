"""HubSpot: webhooks as they were posted, and records of the CRM API. See docs/sources/hubspot.md.

The way of a body: `parsing` takes it apart, `notices` and `records` read its rows, `associations`, `engagements` and
`properties` say what is in them.
"""

from topics.sources.hubspot.parsing import parse, parser

__all__ = ["parse", "parser"]
