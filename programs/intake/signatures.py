"""Whether a request comes from who it says: HubSpot's three signatures, Slack's, HTTP basic authentication. Pure.

A rule of HubSpot's is quoted where it stands. Every comparison takes the same time however much of it agrees.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

#: The clock of who signs and ours may differ by so much, in either direction (HubSpot: "older than 5 minutes").
WINDOW_MS = 5 * 60 * 1000

SIGNATURE_V3 = "X-HubSpot-Signature-v3"
TIMESTAMP = "X-HubSpot-Request-Timestamp"
SIGNATURE_OLD = "X-HubSpot-Signature"
VERSION_OLD = "X-HubSpot-Signature-Version"
AUTHORIZATION = "Authorization"
SLACK_SIGNATURE = "X-Slack-Signature"
SLACK_TIMESTAMP = "X-Slack-Request-Timestamp"

#: What HubSpot decodes in the URI before it signs (v3), and nothing else.
_DECODED = {f"{ord(sign):02X}": sign.encode() for sign in ":/?@!$'()*,;"}
_ENCODED = re.compile(rb"%(" + "|".join(_DECODED).encode() + rb")", re.IGNORECASE)
_DIGITS = re.compile(r"[0-9]{1,15}")


class Version(StrEnum):
    """HubSpot's signatures. v1 and v2 carry no time, so what was overheard once can be sent again for ever."""

    V1 = "v1"
    V2 = "v2"
    V3 = "v3"


class Forgery(StrEnum):
    """Why a request is not believed; all are answered alike, 401."""

    UNSIGNED = "unsigned"
    BAD_SIGNATURE = "bad_signature"
    BAD_TIMESTAMP = "bad_timestamp"
    BAD_CREDENTIALS = "bad_credentials"


class Signed(NamedTuple):
    """What a signature is made of. `uri` is the public one, as the sender knows it, with its query."""

    method: str
    uri: str
    body: bytes


def hubspot_v1(secret: bytes, body: bytes) -> str:
    """`hex(sha256(secret + body))`."""
    return hashlib.sha256(secret + body).hexdigest()


def hubspot_v2(secret: bytes, signed: Signed) -> str:
    """`hex(sha256(secret + method + uri + body))`."""
    return hashlib.sha256(secret + _bytes(signed.method + signed.uri) + signed.body).hexdigest()


def hubspot_v3(secret: bytes, signed: Signed, timestamp: str) -> str:
    """`base64(hmac-sha256(secret, method + uri + body + timestamp))`, the URI decoded as HubSpot does."""
    text = _bytes(signed.method) + as_signed(_bytes(signed.uri)) + signed.body + _bytes(timestamp)
    return base64.b64encode(hmac.digest(secret, text, "sha256")).decode()


def as_signed(uri: bytes) -> bytes:
    """The URI as v3 signs it: a few of its percent-encoded characters stand for themselves."""
    return _ENCODED.sub(lambda found: _DECODED[found[1].decode().upper()], uri)


def in_time(timestamp: str | None, now_ms: int) -> bool:
    """Whether a request was signed within the window around now. None: it does not say when."""
    return timestamp is not None and bool(_DIGITS.fullmatch(timestamp)) and abs(now_ms - int(timestamp)) <= WINDOW_MS


def carried(headers: Mapping[str, str], accepted: frozenset[Version]) -> Version | None:
    """The newest signature that a request carries, of those accepted. Wrong, it is not made good by an older one."""
    if Version.V3 in accepted and SIGNATURE_V3 in headers:
        return Version.V3
    old = {"v1": Version.V1, "v2": Version.V2}.get(headers.get(VERSION_OLD, "v1").lower())
    return old if old in accepted and SIGNATURE_OLD in headers else None


def hubspot_headers(headers: Mapping[str, str], version: Version | None, now_ms: int) -> Forgery | None:
    """What is wrong with a request before its body is known; None: the body decides."""
    if version is None:
        return Forgery.UNSIGNED
    if version is Version.V3 and not in_time(headers.get(TIMESTAMP), now_ms):
        return Forgery.BAD_TIMESTAMP
    return None


def hubspot(secret: bytes, version: Version, headers: Mapping[str, str], signed: Signed) -> Forgery | None:
    """What is wrong with a request whose headers passed `hubspot_headers`; None: HubSpot sent it."""
    if version is Version.V3:
        given, made = headers[SIGNATURE_V3], hubspot_v3(secret, signed, headers[TIMESTAMP])
    else:
        given = headers[SIGNATURE_OLD].lower()
        made = hubspot_v1(secret, signed.body) if version is Version.V1 else hubspot_v2(secret, signed)
    return None if hmac.compare_digest(_bytes(given), made.encode()) else Forgery.BAD_SIGNATURE


def slack_v0(secret: bytes, timestamp: str, body: bytes) -> str:
    """`v0=` and `hex(hmac-sha256(secret, "v0:" + timestamp + ":" + body))`."""
    return "v0=" + hmac.digest(secret, b"v0:" + _bytes(timestamp) + b":" + body, "sha256").hex()


def slack_headers(headers: Mapping[str, str], now_ms: int) -> Forgery | None:
    """What is wrong with a request of Slack's before its body is known. Its timestamp counts seconds."""
    if SLACK_SIGNATURE not in headers:
        return Forgery.UNSIGNED
    timestamp = headers.get(SLACK_TIMESTAMP, "")
    return None if in_time(timestamp + "000", now_ms) else Forgery.BAD_TIMESTAMP


def slack(secret: bytes, headers: Mapping[str, str], body: bytes) -> Forgery | None:
    """What is wrong with a request whose headers passed `slack_headers`; None: Slack sent it."""
    made = slack_v0(secret, headers[SLACK_TIMESTAMP], body)
    same = hmac.compare_digest(_bytes(headers[SLACK_SIGNATURE]), made.encode())
    return None if same else Forgery.BAD_SIGNATURE


def basic(user: str, password: str, headers: Mapping[str, str]) -> Forgery | None:
    """What is wrong with a request that must name this user and password (RFC 7617, UTF-8)."""
    scheme, _, given = headers.get(AUTHORIZATION, "").partition(" ")
    if scheme.lower() != "basic":
        return Forgery.UNSIGNED
    try:
        said = base64.b64decode(given.strip(), validate=True)
    except (binascii.Error, ValueError):
        return Forgery.BAD_CREDENTIALS
    same = hmac.compare_digest(said, f"{user}:{password}".encode())
    return None if same else Forgery.BAD_CREDENTIALS


def _bytes(text: str) -> bytes:
    """Text of a request line or a header as the bytes that it came as."""
    return text.encode("utf-8", "surrogateescape")
