"""What a request is answered, as one table: each outcome with its status, and whether it is worth sending again."""

from __future__ import annotations

from enum import StrEnum
from http import HTTPStatus
from typing import NamedTuple

from programs.intake.signatures import Forgery

#: After a 503 the sender should wait this long: a broker that was killed is back within it.
RETRY_AFTER_S = 10


class Outcome(StrEnum):
    """What became of a request, as metrics and logs name it."""

    TAKEN = "taken"
    MALFORMED = "malformed"
    EMPTY = "empty"
    UNSIGNED = Forgery.UNSIGNED.value
    BAD_SIGNATURE = Forgery.BAD_SIGNATURE.value
    BAD_TIMESTAMP = Forgery.BAD_TIMESTAMP.value
    BAD_CREDENTIALS = Forgery.BAD_CREDENTIALS.value
    NO_SUCH_DOOR = "no_such_door"
    NOT_POST = "not_post"
    TOO_SLOW = "too_slow"
    TOO_LARGE = "too_large"
    ENCODED = "encoded"
    AWAY = "away"
    UNANSWERED = "unanswered"
    FULL = "full"
    HUNG_UP = "hung_up"
    FAILED = "failed"


class Answer(NamedTuple):
    """A status and the words for whoever reads the sender's log."""

    status: HTTPStatus
    words: str


ANSWERS: dict[Outcome, Answer] = {
    Outcome.TAKEN: Answer(HTTPStatus.OK, ""),
    Outcome.MALFORMED: Answer(HTTPStatus.BAD_REQUEST, "this is not an HTTP request that is understood here"),
    Outcome.EMPTY: Answer(HTTPStatus.BAD_REQUEST, "the body is empty"),
    Outcome.UNSIGNED: Answer(HTTPStatus.UNAUTHORIZED, "not signed"),
    Outcome.BAD_SIGNATURE: Answer(HTTPStatus.UNAUTHORIZED, "not signed"),
    Outcome.BAD_TIMESTAMP: Answer(HTTPStatus.UNAUTHORIZED, "not signed"),
    Outcome.BAD_CREDENTIALS: Answer(HTTPStatus.UNAUTHORIZED, "not signed"),
    Outcome.NO_SUCH_DOOR: Answer(HTTPStatus.NOT_FOUND, "no such source"),
    Outcome.NOT_POST: Answer(HTTPStatus.METHOD_NOT_ALLOWED, "only POST"),
    Outcome.TOO_SLOW: Answer(HTTPStatus.REQUEST_TIMEOUT, "the body did not arrive in time"),
    Outcome.TOO_LARGE: Answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too large"),
    Outcome.ENCODED: Answer(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body must not be compressed"),
    Outcome.AWAY: Answer(HTTPStatus.SERVICE_UNAVAILABLE, "cannot be kept now, send it again"),
    Outcome.UNANSWERED: Answer(HTTPStatus.SERVICE_UNAVAILABLE, "was not known to be kept in time, send it again"),
    Outcome.FULL: Answer(HTTPStatus.SERVICE_UNAVAILABLE, "too much at once, send it again"),
    Outcome.HUNG_UP: Answer(HTTPStatus.BAD_REQUEST, "the body is not whole"),
    Outcome.FAILED: Answer(HTTPStatus.SERVICE_UNAVAILABLE, "cannot be taken now, send it again"),
}
"""Who is not believed is not told why: the log and the metrics say it."""


def headers_of(outcome: Outcome, *, login: bool = False) -> dict[str, str]:
    """The headers that belong to an answer; what we run is nobody's business. `login`: a user and a password help."""
    status = ANSWERS[outcome].status
    found = {"Server": "deal-signals"}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        found["Retry-After"] = str(RETRY_AFTER_S)
    elif status == HTTPStatus.METHOD_NOT_ALLOWED:
        found["Allow"] = "POST"
    elif status == HTTPStatus.UNAUTHORIZED and login:
        found["WWW-Authenticate"] = 'Basic realm="deal-signals"'
    return found
