"""CloudEvents: what buyers do outside the CRM. See docs/sources/cloudevents.md.

`modes` takes a record apart, `parsing` reads its events.
"""

from topics.sources.cloudevents.parsing import parse, parser

__all__ = ["parse", "parser"]
