"""Debezium: the changes of a database's tables. See docs/sources/debezium.md.

The way of a record: `changes` tells its forms apart, `parsing` finds its table and its time, `rows` and `values` read
its columns as the mapping file (`mapping`) says, `positions` orders it.
"""

from topics.sources.debezium.parsing import parser

__all__ = ["parser"]
