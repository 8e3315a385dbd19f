"""What a reply of Slack means for a message, as a table. Pure.

Done        it happened
Limited     it did not happen: too many calls; again after so many seconds
Unreached   it did not happen: no connection was made
Barred      it did not happen: Slack refuses the app itself; no message is to blame, all wait
Ambiguous   it may have happened: look before you try again
Refused     it did not happen and never will: the recipient, the message, or the message to edit
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from alerts.reasons import Reason


class Done(NamedTuple):
    """It happened. `data` is the reply's body."""

    data: Mapping[str, object]


class Limited(NamedTuple):
    """Too many calls; `after_s` from the header Retry-After."""

    after_s: float


class Unreached(NamedTuple):
    """No connection was made."""

    detail: str


class Barred(NamedTuple):
    """The token, its scopes or the address are wrong: an operator has to act."""

    detail: str


class Ambiguous(NamedTuple):
    """Nobody knows."""

    detail: str

    @property
    def away(self) -> bool:
        """Whether no answer came, or one of a proxy: then Slack is away, and this message is not to blame."""
        return self.detail not in STUMBLED


class Refused(NamedTuple):
    """Final. `reason` is RECIPIENT_REFUSED, MESSAGE_REFUSED or MESSAGE_GONE; `detail` is Slack's own error code."""

    reason: Reason
    detail: str


Reply: TypeAlias = Done | Limited | Unreached | Barred | Ambiguous | Refused
NotDone: TypeAlias = Limited | Unreached | Barred | Ambiguous | Refused

OK, SUCCESS, TOO_MANY, SERVER_ERROR = 200, 299, 429, 500
#: The address, the proxy or the token, whatever the message is.
NOT_LET_IN = frozenset({401, 403, 404, 405, 407})
DEFAULT_RETRY_AFTER_S = 30.0
LONGEST_RETRY_AFTER_S = 3600.0

#: Slack's documentation of these: "It's possible some aspect of the operation succeeded before the error was raised".
AMBIGUOUS = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})
#: Slack itself stumbled over this very call; `no_ts_in_reply` is what we call an answer without a message.
STUMBLED = frozenset({"internal_error", "fatal_error", "no_ts_in_reply", "no_channel_in_reply"})
LIMITED = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
#: The token or its rights. `account_inactive` is "the token is of a deleted user or workspace": not the recipient's.
BARRED = frozenset(
    {
        "not_authed",
        "invalid_auth",
        "account_inactive",
        "token_revoked",
        "token_expired",
        "no_permission",
        "missing_scope",
        "not_allowed_token_type",
        "org_login_required",
        "ekm_access_denied",
        "accesslimited",
        "access_denied",
        "team_access_not_granted",
        "team_added_to_org",
        "two_factor_setup_required",
        "unknown_method",
        "deprecated_endpoint",
        "method_deprecated",
    }
)
MESSAGE = frozenset(
    {
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_arguments",
        "invalid_arg_name",
        "invalid_metadata_format",
        "invalid_metadata_schema",
        "metadata_too_large",
        "metadata_must_be_sent_from_app",
        "msg_too_long",
        "msg_blocks_too_long",
        "no_text",
        "markdown_text_conflict",
    }
)
GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed", "update_failed", "is_inactive"})


def classify(status: int, headers: Mapping[str, str], body: object) -> Reply:
    """What an HTTP reply means. `body` is the parsed JSON, or anything else when it was none."""
    if status != OK:
        return _http_error(status, headers)
    if not isinstance(body, Mapping) or "ok" not in body:
        return Ambiguous("no_answer_of_slack")
    if body.get("ok") is True:
        return Done(body)
    return _error(str(body.get("error") or "unknown_error"), headers)


def _http_error(status: int, headers: Mapping[str, str]) -> Reply:
    if status == TOO_MANY:
        return Limited(retry_after(headers))
    if status in NOT_LET_IN:
        return Barred(f"http_{status}")
    if SUCCESS < status < SERVER_ERROR:
        return Refused(Reason.MESSAGE_REFUSED, f"http_{status}")
    return Ambiguous(f"http_{status}")


def _error(code: str, headers: Mapping[str, str]) -> Reply:
    if code in LIMITED:
        return Limited(retry_after(headers))
    if code in AMBIGUOUS:
        return Ambiguous(code)
    if code in BARRED:
        return Barred(code)
    if code in MESSAGE:
        return Refused(Reason.MESSAGE_REFUSED, code)
    if code in GONE:
        return Refused(Reason.MESSAGE_GONE, code)
    return Refused(Reason.RECIPIENT_REFUSED, code)


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds of the header Retry-After, within reason; `DEFAULT_RETRY_AFTER_S` where it is missing or no number."""
    text = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    try:
        seconds = float(text)
    except ValueError:
        return DEFAULT_RETRY_AFTER_S
    return min(seconds, LONGEST_RETRY_AFTER_S) if seconds >= 0 else DEFAULT_RETRY_AFTER_S
