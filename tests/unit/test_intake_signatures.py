"""Who sent a request: HubSpot's three signatures by its written rule, its clock window, and basic authentication."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from programs.intake.signatures import (
    WINDOW_MS,
    Forgery,
    Signed,
    Version,
    as_signed,
    basic,
    carried,
    hubspot,
    hubspot_headers,
    hubspot_v1,
    hubspot_v2,
    hubspot_v3,
    in_time,
)

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "hubspot_signatures.json").read_text(encoding="utf-8"))
PUBLISHED = Path(__file__).parents[2].parent / "shared" / "payloads" / "hubspot" / "signature_vectors.json"
NOW_MS = 1_736_121_600_000
SECRET = b"of this test"
SIGNED = Signed("POST", "https://signals.example.com/hubspot/crm", b"[]")
ALL = frozenset(Version)
V1, V3 = frozenset({Version.V1}), frozenset({Version.V3})


def headers(**given: str) -> CIMultiDict[str]:
    """Headers as they come in: names in any case."""
    return CIMultiDict({name.replace("_", "-"): value for name, value in given.items()})


def v3_headers(signed: Signed = SIGNED, timestamp: str = str(NOW_MS), secret: bytes = SECRET) -> CIMultiDict[str]:
    return headers(x_hubspot_signature_v3=hubspot_v3(secret, signed, timestamp), x_hubspot_request_timestamp=timestamp)


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=[case["name"] for case in GOLDEN["cases"]])
def test_the_signatures_of_the_written_rule(case: dict[str, str]) -> None:
    secret, signed = case["secret"].encode(), Signed(case["method"], case["uri"], case["body"].encode())
    assert hubspot_v1(secret, signed.body) == case["v1"]
    assert hubspot_v2(secret, signed) == case["v2"]
    assert hubspot_v3(secret, signed, case["timestamp"]) == case["v3"]


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published vectors lie beside the checkout; they are not here")
def test_the_published_vectors() -> None:
    said: dict[str, Any] = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    secret, body = said["client_secret"].encode(), said["request_body"].encode()
    signed = Signed(said["http_method"], said["url"], body)
    assert hubspot_v1(secret, body) == said["v1"]
    assert hubspot_v2(secret, signed) == said["v2"]
    assert hubspot_v2(secret, Signed("GET", said["url"], b"")) == said["v2_GET_empty_body"]
    assert hubspot_v3(secret, signed, str(said["timestamp"])) == said["v3"]


def test_what_is_signed_is_believed_and_nothing_that_differs_by_a_byte() -> None:
    good = v3_headers()
    assert hubspot(SECRET, Version.V3, good, SIGNED) is None
    for other in (
        SIGNED._replace(body=b"[] "),
        SIGNED._replace(method="PUT"),
        SIGNED._replace(uri=SIGNED.uri.replace("https", "http")),
        SIGNED._replace(uri=SIGNED.uri + "?"),
        SIGNED._replace(uri=SIGNED.uri.replace("example.com", "example.com:443")),
    ):
        assert hubspot(SECRET, Version.V3, good, other) is Forgery.BAD_SIGNATURE
    assert hubspot(b"another", Version.V3, good, SIGNED) is Forgery.BAD_SIGNATURE
    good["X-HubSpot-Request-Timestamp"] = str(NOW_MS + 1)
    assert hubspot(SECRET, Version.V3, good, SIGNED) is Forgery.BAD_SIGNATURE


@pytest.mark.parametrize("given", ["", "=", "zürich", "\udcff", "A" * 10_000])
def test_a_signature_that_is_none(given: str) -> None:
    said = headers(x_hubspot_signature_v3=given, x_hubspot_request_timestamp=str(NOW_MS))
    assert hubspot(SECRET, Version.V3, said, SIGNED) is Forgery.BAD_SIGNATURE


# (the timestamp, whether it is in time)
TIMES = [
    (str(NOW_MS), True),
    (str(NOW_MS - WINDOW_MS), True),
    (str(NOW_MS - WINDOW_MS - 1), False),
    (str(NOW_MS + WINDOW_MS), True),
    (str(NOW_MS + WINDOW_MS + 1), False),
    (str(NOW_MS // 1000), False),
    (f" {NOW_MS}", False),
    (f"+{NOW_MS}", False),
    (f"{NOW_MS}.0", False),
    ("1_736_121_600_000", False),
    ("١٧٣٦١٢١٦٠٠٠٠٠", False),
    ("9" * 5000, False),
    ("-1", False),
    ("", False),
    (None, False),
]


@pytest.mark.parametrize(("timestamp", "good"), TIMES)
def test_the_clock_window_has_both_ends(timestamp: str | None, good: bool) -> None:  # noqa: FBT001  # a case
    assert in_time(timestamp, NOW_MS) is good


# (what a request carries, what is accepted, which one counts, what its headers alone are refused for)
CARRIED = [
    ({}, ALL, None, Forgery.UNSIGNED),
    ({"x_hubspot_signature_v3": "s"}, V3, Version.V3, Forgery.BAD_TIMESTAMP),
    ({"x_hubspot_signature_v3": "s", "x_hubspot_request_timestamp": str(NOW_MS)}, V3, Version.V3, None),
    ({"x_hubspot_signature": "s"}, V3, None, Forgery.UNSIGNED),
    ({"x_hubspot_signature": "s"}, ALL, Version.V1, None),
    ({"x_hubspot_signature": "s", "x_hubspot_signature_version": "v2"}, ALL, Version.V2, None),
    ({"x_hubspot_signature": "s", "x_hubspot_signature_version": "v2"}, V1, None, Forgery.UNSIGNED),
    ({"x_hubspot_signature": "s", "x_hubspot_signature_version": "v3"}, ALL, None, Forgery.UNSIGNED),
    ({"x_hubspot_signature": "s", "x_hubspot_signature_version": "V9"}, ALL, None, Forgery.UNSIGNED),
    # HubSpot sends an old one beside the new one
    ({"x_hubspot_signature": "s", "x_hubspot_signature_v3": "s"}, V1, Version.V1, None),
    ({"x_hubspot_signature": "s", "x_hubspot_signature_v3": "s"}, ALL, Version.V3, Forgery.BAD_TIMESTAMP),
]  # fmt: skip


@pytest.mark.parametrize(("given", "accepted", "version", "wrong"), CARRIED)
def test_the_newest_signature_that_is_accepted_counts(
    given: dict[str, str], accepted: frozenset[Version], version: Version | None, wrong: Forgery | None
) -> None:
    said = headers(**given)
    assert carried(said, accepted) is version
    assert hubspot_headers(said, version, NOW_MS) is wrong


def test_the_old_signatures_where_they_are_accepted() -> None:
    v1 = headers(x_hubspot_signature=hubspot_v1(SECRET, SIGNED.body).upper())
    assert hubspot(SECRET, Version.V1, v1, SIGNED) is None
    assert hubspot(SECRET, Version.V2, v1, SIGNED) is Forgery.BAD_SIGNATURE
    v2 = headers(x_hubspot_signature=hubspot_v2(SECRET, SIGNED), x_hubspot_signature_version="v2")
    assert hubspot(SECRET, Version.V2, v2, SIGNED) is None
    assert hubspot(SECRET, Version.V2, v2, SIGNED._replace(uri="https://a.example/")) is Forgery.BAD_SIGNATURE


@given(st.binary(max_size=200))
def test_decoding_touches_nothing_but_its_twelve_characters(uri: bytes) -> None:
    decoded = as_signed(uri)
    assert len(uri) - len(decoded) == 2 * (uri.count(b"%") - decoded.count(b"%"))
    if b"%" not in uri:
        assert decoded == uri


def login(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


# (the header, what is wrong with it)
LOGINS = [
    (login("pipedrive:s3cret:with:colons"), None),
    ("bAsIc" + login("pipedrive:s3cret:with:colons")[5:], None),
    (login("pipedrive:s3cret"), Forgery.BAD_CREDENTIALS),
    (login("Pipedrive:s3cret:with:colons"), Forgery.BAD_CREDENTIALS),
    (login("pipedrive"), Forgery.BAD_CREDENTIALS),
    (login(""), Forgery.BAD_CREDENTIALS),
    ("Basic", Forgery.BAD_CREDENTIALS),
    ("Basic !!!", Forgery.BAD_CREDENTIALS),
    ("Basic ü", Forgery.BAD_CREDENTIALS),
    ("Basic \udcff", Forgery.BAD_CREDENTIALS),
    ("Bearer " + login("pipedrive:s3cret:with:colons")[6:], Forgery.UNSIGNED),
    ("", Forgery.UNSIGNED),
]


@pytest.mark.parametrize(("given", "wrong"), LOGINS)
def test_basic_authentication(given: str, wrong: Forgery | None) -> None:
    said = headers(authorization=given) if given else headers()
    assert basic("pipedrive", "s3cret:with:colons", said) is wrong


def test_a_login_of_letters_beyond_ascii() -> None:
    assert basic("jürgen", "pä55", headers(authorization=login("jürgen:pä55"))) is None
