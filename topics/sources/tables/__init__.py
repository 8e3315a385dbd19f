"""Tables: rows of files, through a mapping file, to events.

`mapping` is the mapping file as a value, `kinds` the tables that it may describe; `parsing` takes the records of the
raw topic, `rows` is what all rows have in common, `deals` and `people` are what they say.
"""

from topics.sources.tables.parsing import parser

__all__ = ["parser"]
