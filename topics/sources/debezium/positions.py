"""Where a change stands in its database's log: the order of changes of one instant.

Each connector has names of its own for it, so the source part of a change is tried against all of them. What is known
is turned into two integers, the greater the later:

| connector | from | as |
|---|---|---|
| PostgreSQL | `lsn` | (lsn, 0) |
| MySQL, MariaDB | `file`, `pos`, `row` | (number of the file, pos and row) |
| SQL Server, Db2, Informix | `change_lsn` else `commit_lsn`, `event_serial_no` | its bits, cut in two |
| Oracle | `scn`, `ssn` | (scn, ssn) |
| MongoDB | `ord` | (0, ord) |

A change of a row waits for the transaction that changed it before, so the place of the change itself is enough, and
that of its commit is not needed. Other connectors, and records without these fields, have (0, 0): only their time
orders them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

Position = tuple[int, int]
NOWHERE: Position = (0, 0)

_BITS = 63
_LARGEST = 2**_BITS - 1
_ROW_BITS = 20
_SERIAL_BITS = 16
_DIGITS = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_LOG_FILE = re.compile(r".*\.([0-9]{1,18})", re.ASCII | re.DOTALL)
_HEX = re.compile(r"[0-9a-fA-F]{1,16}(:[0-9a-fA-F]{1,16}){1,3}", re.ASCII)


def whole(value: object) -> int | None:
    """A whole number as the connector says it: CloudEvents and headers write numbers as text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    return None


def position_of(source: Mapping[str, object]) -> Position:
    """The place in the log; NOWHERE where it is not known."""
    for place in _PLACES:
        found = place(source)
        if found is not None and all(0 <= part <= _LARGEST for part in found):
            return found
    return NOWHERE


def _postgresql(source: Mapping[str, object]) -> Position | None:
    lsn = whole(source.get("lsn"))
    return None if lsn is None else (lsn, 0)


def _mysql(source: Mapping[str, object]) -> Position | None:
    file, pos = source.get("file"), whole(source.get("pos"))
    named = _LOG_FILE.fullmatch(file) if isinstance(file, str) else None
    if named is None or pos is None:
        return None
    return int(named[1]), pos << _ROW_BITS | _capped(source.get("row"), _ROW_BITS)


def _sqlserver(source: Mapping[str, object]) -> Position | None:
    lsn = source.get("change_lsn") or source.get("commit_lsn")
    if not isinstance(lsn, str) or not _HEX.fullmatch(lsn):
        return None
    bits = int(lsn.replace(":", ""), 16) << _SERIAL_BITS | _capped(source.get("event_serial_no"), _SERIAL_BITS)
    return bits >> _BITS, bits & _LARGEST


def _oracle(source: Mapping[str, object]) -> Position | None:
    scn = whole(source.get("scn"))
    return None if scn is None else (scn, _capped(source.get("ssn"), _BITS))


def _mongodb(source: Mapping[str, object]) -> Position | None:
    ordinal = whole(source.get("ord"))
    return None if ordinal is None else (0, ordinal)


_PLACES: tuple[Callable[[Mapping[str, object]], Position | None], ...] = (
    _postgresql,
    _mysql,
    _sqlserver,
    _oracle,
    _mongodb,
)


def _capped(value: object, bits: int) -> int:
    """A small number, 0 where it is not said."""
    return min(max(whole(value) or 0, 0), (1 << bits) - 1)
