"""Record ids as Salesforce makes them: fifteen characters, and three that say which of those are capitals."""

from __future__ import annotations

_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_INSTANCE = "Sm0"
_DIGITS = 9
_GROUP = 5

DEAL, ACCOUNT, CONTACT, USER, TASK, EVENT, ROLE = "006", "001", "003", "005", "00T", "00U", "00K"


def record_id(prefix: str, number: int) -> str:
    """The 18-character id of the `number`th record of a kind; up to a thousand million of them are different."""
    return f"{prefix}{_INSTANCE}{number:0{_DIGITS}}{_SUFFIX[prefix]}"


def _check(short: str) -> str:
    groups = (short[start : start + _GROUP] for start in range(0, len(short), _GROUP))
    return "".join(_CHECK[sum(1 << at for at, letter in enumerate(group) if letter.isupper())] for group in groups)


#: The number is written in digits only, so the last three characters depend on the prefix alone.
_SUFFIX = {
    prefix: _check(prefix + _INSTANCE + "0" * _DIGITS) for prefix in (DEAL, ACCOUNT, CONTACT, USER, TASK, EVENT, ROLE)
}
