"""What Slack's replies mean, and what follows from them."""

from __future__ import annotations

import pytest

from alerts.reasons import Reason
from alerts.replies import (
    DEFAULT_RETRY_AFTER_S,
    LONGEST_RETRY_AFTER_S,
    Ambiguous,
    Barred,
    Done,
    Limited,
    NotDone,
    Refused,
    Reply,
    Unreached,
    classify,
)
from alerts.retry import Again, LookFirst, Move, Patience, Stop, next_move
from alerts.values import Op

RECIPIENT, MESSAGE, GONE = Reason.RECIPIENT_REFUSED, Reason.MESSAGE_REFUSED, Reason.MESSAGE_GONE
OK_BODY = {"ok": True, "ts": "1.0"}

REPLIES: list[tuple[str, int, dict[str, str], object, Reply]] = [
    ("ok", 200, {}, OK_BODY, Done(OK_BODY)),
    ("429 with its delay", 429, {"Retry-After": "7"}, {"ok": False}, Limited(7.0)),
    ("429, header in lower case", 429, {"retry-after": "2"}, None, Limited(2.0)),
    ("429 without a delay", 429, {}, None, Limited(DEFAULT_RETRY_AFTER_S)),
    ("429 with nonsense", 429, {"Retry-After": "soon"}, None, Limited(DEFAULT_RETRY_AFTER_S)),
    ("429 with a negative delay", 429, {"Retry-After": "-1"}, None, Limited(DEFAULT_RETRY_AFTER_S)),
    ("429 with no number", 429, {"Retry-After": "nan"}, None, Limited(DEFAULT_RETRY_AFTER_S)),
    ("429 with an absurd delay", 429, {"Retry-After": "1e9"}, None, Limited(LONGEST_RETRY_AFTER_S)),
    ("ratelimited in the body", 200, {"Retry-After": "3"}, {"ok": False, "error": "ratelimited"}, Limited(3.0)),
    ("500", 500, {}, None, Ambiguous("http_500")),
    ("503 with ok:false", 503, {}, {"ok": False, "error": "x"}, Ambiguous("http_503")),
    ("200 and no JSON", 200, {}, "<html>", Ambiguous("no_answer_of_slack")),
    ("200 and an empty object", 200, {}, {}, Ambiguous("no_answer_of_slack")),
    ("internal_error", 200, {}, {"ok": False, "error": "internal_error"}, Ambiguous("internal_error")),
    ("404: not Slack's address", 404, {}, None, Barred("http_404")),
    ("413: this message is to blame", 413, {}, None, Refused(MESSAGE, "http_413")),
    ("a revoked token", 200, {}, {"ok": False, "error": "token_revoked"}, Barred("token_revoked")),
    ("the token's account is gone", 200, {}, {"ok": False, "error": "account_inactive"}, Barred("account_inactive")),
    ("a missing scope", 200, {}, {"ok": False, "error": "missing_scope"}, Barred("missing_scope")),
    ("no such channel", 200, {}, {"ok": False, "error": "channel_not_found"}, Refused(RECIPIENT, "channel_not_found")),
    ("no such user", 200, {}, {"ok": False, "error": "users_not_found"}, Refused(RECIPIENT, "users_not_found")),
    ("a code nobody knows", 200, {}, {"ok": False, "error": "brand_new"}, Refused(RECIPIENT, "brand_new")),
    ("ok:false without a code", 200, {}, {"ok": False}, Refused(RECIPIENT, "unknown_error")),
    ("blocks refused", 200, {}, {"ok": False, "error": "invalid_blocks"}, Refused(MESSAGE, "invalid_blocks")),
    ("deleted message", 200, {}, {"ok": False, "error": "message_not_found"}, Refused(GONE, "message_not_found")),
]


@pytest.mark.parametrize(
    ("status", "headers", "body", "expected"), [r[1:] for r in REPLIES], ids=[r[0] for r in REPLIES]
)
def test_meaning(status: int, headers: dict[str, str], body: object, expected: Reply) -> None:
    assert classify(status, headers, body) == expected


PATIENCE = Patience(backoff_s=(1.0, 2.0, 4.0), barred_s=60.0, attempts=3, away_attempts=1_000)
AWAY, UNCLEAR = Ambiguous("http_503"), Ambiguous("fatal_error")

MOVES: list[tuple[str, Op, NotDone, int, int, Move]] = [
    ("as long as Slack asks", Op.POST, Limited(17.0), 9, 0, Again(17.0)),
    ("no connection: the first delay", Op.POST, Unreached("x"), 1, 0, Again(1.0)),
    ("no connection: the last delay, for ever", Op.POST, Unreached("x"), 500, 0, Again(4.0)),
    ("a refused token is for people to mend", Op.POST, Barred("x"), 500, 0, Again(60.0)),
    ("an unclear post is looked for", Op.POST, UNCLEAR, 1, 1, LookFirst(1.0)),
    ("an unclear edit is done again", Op.EDIT, UNCLEAR, 2, 2, Again(2.0)),
    ("too many unclear answers", Op.POST, UNCLEAR, 9, 3, Stop(Reason.GAVE_UP, "fatal_error")),
    ("too many for an edit as well", Op.EDIT, UNCLEAR, 3, 3, Stop(Reason.GAVE_UP, "fatal_error")),
    ("Slack is away for an hour", Op.POST, AWAY, 60, 0, LookFirst(4.0)),
    ("and for an edit", Op.EDIT, AWAY, 60, 0, Again(4.0)),
    ("Slack is away for longer than anybody waits", Op.POST, AWAY, 1_000, 0, Stop(Reason.GAVE_UP, "http_503")),
    ("final", Op.POST, Refused(RECIPIENT, "user_not_found"), 1, 0, Stop(RECIPIENT, "user_not_found")),
]


@pytest.mark.parametrize(
    ("op", "reply", "tries", "doubts", "expected"), [m[1:] for m in MOVES], ids=[m[0] for m in MOVES]
)
def test_what_follows(op: Op, reply: NotDone, tries: int, doubts: int, expected: Move) -> None:
    assert next_move(op, reply, tries, doubts, PATIENCE) == expected


def test_who_is_to_blame_for_an_unclear_answer() -> None:
    away = ("http_500", "no_answer_of_slack", "service_unavailable", "request_timeout", "ServerDisconnectedError")
    assert all(Ambiguous(detail).away for detail in away)
    assert not any(Ambiguous(detail).away for detail in ("internal_error", "fatal_error", "no_ts_in_reply"))
