"""What the answer of a webhook's receiver means. Pure. Every request may be made again without harm: it has an id.

2xx                               taken
429, 503 with Retry-After         not now; again after so many seconds
408, 5xx, no answer               again, growing delays, for as long as it takes
3xx, 401, 403, 404, 405, 407, 410 address or secret are wrong, whatever the request is: again in a minute, and an
                                  operator has to act
any other 4xx                     this request is not wanted and never will be
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TypeAlias

from alerts.reasons import Reason
from alerts.replies import TOO_MANY, Ambiguous, Barred, Limited, Refused, retry_after

Answer: TypeAlias = Limited | Barred | Ambiguous | Refused

_WRONG_DOOR = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
        HTTPStatus.GONE,
    }
)


def answer(status: int, headers: Mapping[str, str]) -> Answer | None:
    """What a status says; None: the request was taken."""
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    asked = any(name.lower() == "retry-after" for name in headers)
    if status == TOO_MANY or (status == HTTPStatus.SERVICE_UNAVAILABLE and asked):
        return Limited(retry_after(headers))
    if status in _WRONG_DOOR or status < HTTPStatus.BAD_REQUEST:
        return Barred(f"http_{status}")
    if status == HTTPStatus.REQUEST_TIMEOUT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Ambiguous(f"http_{status}")
    return Refused(Reason.MESSAGE_REFUSED, f"http_{status}")


def pause(said: Limited | Barred | Ambiguous, tries: int, backoff_s: tuple[float, ...], barred_s: float) -> float:
    """Seconds until the same request is made again, after so many tries; the last delay repeats."""
    match said:
        case Limited(after_s):
            return after_s
        case Barred():
            return barred_s
        case Ambiguous():
            return backoff_s[min(tries, len(backoff_s)) - 1]
