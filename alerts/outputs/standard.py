"""A plain webhook, signed with HMAC-SHA256 as Standard Webhooks 1.0.0 says, so that receivers need no code of ours.

One request per transition: `{"type", "timestamp", "data"}` with the signal as it stands on `deal.signals` as data.
`webhook-id` is the same for a repeat, so a receiver that remembers it acts once. What is signed is
`<webhook-id>.<webhook-timestamp>.<body>`, and `webhook-signature` is `v1,` and that in base64.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence

import msgspec

from alerts.outputs.target import Request, Target
from alerts.values import digest
from topics.instants import SECOND_US
from topics.signals import Signal

TYPE = "deal-signals"
#: Secrets are handed out with this before their base64; any other text is taken as it is.
SECRET_PREFIX = b"whsec_"


class Told(msgspec.Struct, frozen=True):
    """The body. `timestamp` is when it happened, RFC 3339."""

    type: str
    timestamp: str
    data: Signal


def requests(target: Target, signals: Sequence[Signal], now_us: int) -> list[Request]:
    """One request per transition, in their order."""
    return [_request(target, signal, now_us // SECOND_US) for signal in signals]


def _request(target: Target, signal: Signal, now_s: int) -> Request:
    kind = f"{TYPE}.{signal.kind.value}.{signal.transition.value}"
    body = msgspec.json.encode(Told(kind, signal.occurred_at, signal))
    headers = {
        "Content-Type": "application/json",
        "webhook-id": identity(signal),
        "webhook-timestamp": str(now_s),
    }
    if target.secret is not None:
        headers["webhook-signature"] = signature(target.secret, headers["webhook-id"], now_s, body)
    return Request(body, headers, (signal,))


def identity(signal: Signal) -> str:
    """The same for the same record of `deal.signals`, however often it is told.

    What was withdrawn and then found to be true after all is told anew: it was detected at another time.
    """
    said = (signal.id, signal.transition.value, signal.occurred_at, signal.detected_at, signal.reason)
    return f"msg_{digest(*said)}"


def signature(secret: bytes, message: str, at_s: int, body: bytes) -> str:
    """The header's value. Raises ValueError for a secret that begins as one and is no base64."""
    signed = f"{message}.{at_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key_of(secret), signed, hashlib.sha256).digest()).decode()


def key_of(secret: bytes) -> bytes:
    """The key that a secret stands for. Raises ValueError (`binascii.Error`)."""
    if not secret.startswith(SECRET_PREFIX):
        return secret
    return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
