"""Slack's signature v0: the example that its documentation publishes, slack_sdk's own verifier, and the clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
from slack_sdk.signature import Clock, SignatureVerifier

from programs.intake.doors import SlackGuard
from programs.intake.signatures import SLACK_SIGNATURE, SLACK_TIMESTAMP, Forgery, slack_v0

#: docs.slack.dev/authentication/verifying-requests-from-slack
SECRET, TIMESTAMP = "8f742231b10e8888abcd99yyyzzz85a5", "1531420618"
BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar"
    b"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack."
    b"com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0b"
    b"c887a14d10d2c447fce8b6703c"
)
SIGNED = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
NOW_MS = int(TIMESTAMP) * 1000
GUARD = SlackGuard(SECRET.encode())


def headers(signature: str | None = SIGNED, timestamp: str | None = TIMESTAMP) -> CIMultiDict[str]:
    """Headers as they come in: names in any case."""
    found = {SLACK_SIGNATURE.lower(): signature, SLACK_TIMESTAMP.upper(): timestamp}
    return CIMultiDict({name: value for name, value in found.items() if value is not None})


def test_the_published_example() -> None:
    assert slack_v0(SECRET.encode(), TIMESTAMP, BODY) == SIGNED
    assert GUARD.headers(headers(), NOW_MS) is None
    assert GUARD.whole(headers(), "", BODY) is None


class _Then(Clock):
    def now(self) -> float:
        """The moment of the example."""
        return float(TIMESTAMP)


@given(body=st.text().map(str.encode), secret=st.text(min_size=1).filter(str.strip))
def test_slack_s_own_verifier_says_the_same(body: bytes, secret: str) -> None:
    made = slack_v0(secret.encode(), TIMESTAMP, body)
    assert SignatureVerifier(secret, _Then()).is_valid(body, TIMESTAMP, made)
    assert SlackGuard(secret.encode()).whole(headers(made), "", body) is None
    assert SlackGuard(secret.encode()).whole(headers(made), "", body + b"x") is Forgery.BAD_SIGNATURE


@pytest.mark.parametrize(
    ("timestamp", "off_ms", "forged"),
    [
        (TIMESTAMP, 300_000, None),
        (TIMESTAMP, -300_000, None),
        (TIMESTAMP, 300_001, Forgery.BAD_TIMESTAMP),
        (TIMESTAMP, -300_001, Forgery.BAD_TIMESTAMP),
        (None, 0, Forgery.BAD_TIMESTAMP),
        ("", 0, Forgery.BAD_TIMESTAMP),
        ("-1531420618", 0, Forgery.BAD_TIMESTAMP),
        ("1531420618.5", 0, Forgery.BAD_TIMESTAMP),
    ],
)
def test_the_clock_s_window_is_five_minutes_either_way(
    timestamp: str | None, off_ms: int, forged: Forgery | None
) -> None:
    assert GUARD.headers(headers(timestamp=timestamp), NOW_MS + off_ms) is forged


@pytest.mark.parametrize("signature", ["v0=", SIGNED[:-1], SIGNED.upper(), "v1" + SIGNED[2:], SIGNED + "é", ""])
def test_another_signature_is_none(signature: str) -> None:
    assert GUARD.whole(headers(signature), "", BODY) is Forgery.BAD_SIGNATURE


def test_no_signature_is_none() -> None:
    assert GUARD.headers(headers(None), NOW_MS) is Forgery.UNSIGNED
