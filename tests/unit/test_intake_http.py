"""What intake answers over real connections: a table of requests, its limits of time and room, and noise."""

# ruff: noqa: E501 - a row of a table of cases is one line, however long

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from unittest.mock import patch

import pytest
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, TopicAuthorizationFailedError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.records import Output
from programs.intake import desk as desk_module
from programs.intake import lanes as lanes_module
from programs.intake import listener as listener_module
from programs.intake.answers import ANSWERS, Outcome, headers_of
from programs.intake.signatures import TIMESTAMP
from tests.unit.intake_desk import (
    BODY,
    LIMIT,
    LOGIN,
    NOW_S,
    Kept,
    Site,
    listening,
    raw,
    said,
    signed,
    status,
)

CHUNKED = {"Transfer-Encoding": "chunked"}
OLD = signed(at_s=NOW_S - 301)
AHEAD = signed(at_s=NOW_S + 301)
EXACT = b"x" * LIMIT


def chunked(*chunks: bytes, headers: dict[str, str] | None = None) -> bytes:
    head = b"".join(f"{name}: {value}\r\n".encode() for name, value in (headers or signed(b"".join(chunks))).items())
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))
    return b"POST /hubspot/crm HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n" + head + b"\r\n" + body


# (what is sent, the bytes, the status, the outcome that is counted, for which source)
REQUESTS = [
    ("signed", raw(), 200, "taken", "crm/default"),
    ("a query is part of what is signed", raw("/hubspot/crm?a=%3A", headers=signed(query="?a=:")), 200, "taken", "crm/default"),
    ("a query that is not signed", raw("/hubspot/crm?a=1"), 401, "bad_signature", "crm/default"),
    ("in chunks", chunked(b"[{", b"}]"), 200, "taken", "crm/default"),
    ("as large as it may be", raw(body=EXACT), 200, "taken", "crm/default"),
    ("a byte larger", raw(body=EXACT + b"x"), 413, "too_large", "crm/default"),
    ("larger, in chunks", chunked(EXACT, b"x"), 413, "too_large", "crm/default"),
    ("said to be huge", raw(headers=signed() | {"Content-Length": "9" * 15}), 413, "too_large", "crm/default"),
    ("another body", raw(body=b"[]", headers=signed(BODY)), 401, "bad_signature", "crm/default"),
    ("not signed", raw(headers={}), 401, "unsigned", "crm/default"),
    ("signed too long ago", raw(headers=OLD), 401, "bad_timestamp", "crm/default"),
    ("signed in the future", raw(headers=AHEAD), 401, "bad_timestamp", "crm/default"),
    ("signed, without when", raw(headers={k: v for k, v in signed().items() if k != TIMESTAMP}), 401, "bad_timestamp", "crm/default"),
    ("the address as a proxy tells it", raw(headers=signed() | {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "Forwarded": "host=evil.example"}), 200, "taken", "crm/default"),
    ("with a login", raw("/pipedrive/pd", headers=LOGIN), 200, "taken", "pd/default"),
    ("without the login", raw("/pipedrive/pd", headers={}), 401, "unsigned", "pd/default"),
    ("with another login", raw("/pipedrive/pd", headers={"Authorization": "Basic eA=="}), 401, "bad_credentials", "pd/default"),
    ("where anybody may", raw("/hubspot/open", headers={}), 200, "taken", "open/default"),
    ("nothing", raw("/hubspot/open", b"", {}), 400, "empty", "open/default"),
    ("no length at all", b"POST /hubspot/open HTTP/1.1\r\nHost: x\r\n\r\n", 400, "empty", "open/default"),
    ("compressed", raw("/hubspot/open", headers={"Content-Encoding": "gzip"}), 415, "encoded", "open/default"),
    ("another method", raw(method="GET", body=b"", headers={}), 405, "not_post", "crm/default"),
    ("another method, signed", raw(method="PUT"), 405, "not_post", "crm/default"),
    ("another path", raw("/hubspot/nobody"), 404, "no_such_door", "none"),
    ("the path and a slash", raw("/hubspot/crm/"), 404, "no_such_door", "none"),
    ("the path, encoded", raw("/hubspot/%63rm"), 404, "no_such_door", "none"),
    ("the path, as a whole address", raw("http://x/hubspot/crm"), 404, "no_such_door", "none"),
    ("metrics are not served here", raw("/metrics", b"", {}, method="GET"), 404, "no_such_door", "none"),
    ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "malformed", "none"),
    ("a length twice", raw(headers={"content-length": "1"}), 400, "malformed", "none"),
    ("a length and chunks", raw(headers=CHUNKED), 400, "malformed", "none"),
    ("a length below nothing", raw(headers={"Content-Length": "-1"}), 400, "malformed", "none"),
    ("a header without end", raw(headers={"X": "y" * 20_000}), 400, "malformed", "none"),
    ("headers without end", raw(headers={f"X-{n}": "y" for n in range(200)}), 400, "malformed", "none"),
    ("a line without end", raw("/" + "a" * 20_000), 400, "malformed", "none"),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "code", "outcome", "source"), [row[1:] for row in REQUESTS], ids=[row[0] for row in REQUESTS])  # fmt: skip
async def test_what_is_answered(sent: bytes, code: int, outcome: str, source: str) -> None:
    async with listening() as site:
        answer = await said(site.port, sent)
        assert status(answer) == code
        assert site.counted(outcome, source) == 1
        assert len(site.kept.outputs) == (code == 200)
        assert b"aiohttp" not in answer
        assert b"Python" not in answer


async def test_the_bytes_stand_on_the_topic_with_when_they_came() -> None:
    body = '{ "b":1,\n "a" : "Grüße" }'.encode() + b"\xff\x00"
    async with listening() as site:
        assert status(await said(site.port, raw(body=body))) == 200
    (output,) = site.kept.outputs
    assert (output.topic, output.key, output.value) == ("crm.raw.crm", None, body)
    assert output.headers == (("signals-received", b"1736121600000"),)


def test_every_outcome_has_an_answer_and_what_may_pass_says_when_to_come_again() -> None:
    assert set(ANSWERS) == set(Outcome)
    for outcome, answer in ANSWERS.items():
        assert ("Retry-After" in headers_of(outcome)) == (answer.status == 503)
        assert answer.status not in (429, 500)
    assert headers_of(Outcome.NOT_POST)["Allow"] == "POST"
    assert "WWW-Authenticate" in headers_of(Outcome.UNSIGNED, login=True)
    assert "WWW-Authenticate" not in headers_of(Outcome.UNSIGNED)


async def test_who_waits_to_be_asked_for_the_body_is_asked_once_the_headers_pass() -> None:
    async with listening() as site:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        head, _, body = raw(headers=signed() | {"Expect": "100-continue"}).partition(b"\r\n\r\n")
        writer.write(head + b"\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        writer.write(body)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        writer.close()
        refused = raw(headers={"Expect": "100-continue", "Content-Length": "100"}, body=b"")
        assert status(await said(site.port, refused)) == 401


async def test_a_connection_is_used_again_and_requests_may_follow_each_other_at_once() -> None:
    async with listening() as site:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(raw(body=b"1", headers=signed(b"1")) + raw(body=b"2", headers=signed(b"2")) * 40)
        for _ in range(41):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        writer.close()
        assert site.kept.values() == [b"1", *[b"2"] * 40]


async def test_headers_that_come_by_the_byte_end_with_the_connection() -> None:
    async with listening(idle_s=0.3) as site:
        began = time.monotonic()
        assert await said(site.port, *(bytes([byte]) for byte in raw()), pause_s=0.05) == b""
        assert await said(site.port) == b""
        assert time.monotonic() - began < 4


async def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_module, "BODY_S", 0.2)
    async with listening() as site:
        assert status(await said(site.port, raw()[:-3])) == 408
        assert site.counted("too_slow") == 1


async def test_who_hangs_up_in_the_middle_is_counted_and_nothing_is_kept() -> None:
    async with listening() as site:
        _, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(raw()[:-3])
        await asyncio.sleep(0.1)
        writer.close()
        await _until(lambda: site.counted("hung_up") == 1)
        assert site.kept.outputs == []


async def test_chunks_that_are_none() -> None:
    async with listening() as site:
        sent = chunked(BODY, headers=signed()).replace(b"\r\n0\r\n", b"\r\nzz\r\n")
        assert status(await said(site.port, sent)) in (400, None)
        assert site.kept.outputs == []


async def test_more_than_there_is_room_for_is_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_module, "HELD_BYTES", 3 * LIMIT)
    gate = asyncio.Event()
    kept = Kept()
    kept.before = lambda _: gate.wait()
    async with listening(kept=kept) as site:
        asked = [asyncio.create_task(said(site.port, raw(body=EXACT))) for _ in range(12)]
        await _until(lambda: site.counted("full") == 8)
        assert site.registry.get_sample_value("signals_intake_held_bytes") == 4 * LIMIT
        gate.set()
        codes = [status(answer) for answer in await asyncio.gather(*asked)]
        assert sorted(codes, key=str) == [200] * 4 + [503] * 8
        assert site.registry.get_sample_value("signals_intake_held_bytes") == 0
    assert len(kept.outputs) == 4


async def test_one_connection_too_many_is_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener_module, "MAX_CONNECTIONS", 2)
    async with listening() as site:
        held = [await asyncio.open_connection("127.0.0.1", site.port) for _ in range(2)]
        await asyncio.sleep(0.05)
        answer = await said(site.port, raw())
        assert status(answer) == 503
        assert b"Retry-After: " in answer
        for _, writer in held:
            writer.close()
        await _until(lambda: site.registry.get_sample_value("signals_intake_connections") == 0)
        assert status(await said(site.port, raw())) == 200


async def test_while_kafka_stands_still_nobody_waits_beyond_the_deadline_and_soon_nobody_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(desk_module, "ANSWER_S", 0.4)
    monkeypatch.setattr(lanes_module, "STALL_S", 0.2)
    gate = asyncio.Event()
    kept = Kept(partitions=2)
    kept.before = lambda _: gate.wait()
    async with listening(kept=kept) as site:
        for _ in range(2):  # the first lane takes what comes at once, the second what comes then
            first = await asyncio.gather(*(said(site.port, raw()) for _ in range(3)))
            assert [status(answer) for answer in first] == [503] * 3
        assert site.counted("unanswered") == 6
        began = time.monotonic()
        assert status(await said(site.port, raw())) == 503
        assert time.monotonic() - began < 0.2
        assert site.counted("away") == 1
        assert "does not acknowledge" in str(site.lanes["crm.raw.crm"].why_not())
        gate.set()
        await _until(lambda: site.lanes["crm.raw.crm"].why_not() is None)
        assert status(await said(site.port, raw())) == 200
    assert len(kept.outputs) == 7, "what was on its way arrives all the same"


async def test_what_was_given_up_while_it_waited_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_module, "ANSWER_S", 0.2)
    gate = asyncio.Event()
    kept = Kept(partitions=1)
    kept.before = lambda _: gate.wait()
    async with listening(kept=kept) as site:
        for body in (b"1", b"2"):
            assert status(await said(site.port, raw(body=body))) == 503
        gate.set()
        assert status(await said(site.port, raw(body=b"3"))) == 200
    assert kept.values() == [b"1", b"3"]


async def test_a_partition_that_stands_still_holds_up_only_what_it_has_taken() -> None:
    stuck = asyncio.Event()
    kept = Kept(partitions=3)
    kept.before = lambda outputs: stuck.wait() if outputs[0].partition == 1 else None
    async with listening(kept=kept) as site:
        answers = [asyncio.create_task(said(site.port, raw())) for _ in range(30)]
        await _until(lambda: len(kept.outputs) >= 29)
        assert site.lanes["crm.raw.crm"].why_not() is None
        stuck.set()
        assert {status(answer) for answer in await asyncio.gather(*answers)} == {200}


async def test_what_comes_while_kafka_works_goes_out_together() -> None:
    kept = Kept(partitions=1)
    kept.before = lambda _: asyncio.sleep(0.1)
    async with listening(kept=kept) as site:
        await asyncio.gather(*(said(site.port, raw()) for _ in range(50)))
    assert sum(kept.writes) == 50
    assert len(kept.writes) <= 5


@pytest.mark.parametrize(
    ("error", "code"), [(TopicAuthorizationFailedError(), 503), (MessageSizeTooLargeError(), 413), (OSError(), 503)]
)
async def test_what_the_broker_refuses_is_not_answered_as_kept(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes_module, "LOOK_S", 0.05)
    kept = Kept()

    def refuse(_: Sequence[Output]) -> None:
        raise error

    kept.before = refuse
    async with listening(kept=kept) as site:
        assert status(await said(site.port, raw())) == code
        kept.before = lambda _: None
        if isinstance(error, KafkaError):  # any other ends the program
            await asyncio.sleep(0.1)
            assert status(await said(site.port, raw())) == 200
            assert site.lanes["crm.raw.crm"].why_not() is None


async def test_one_that_is_too_large_does_not_take_the_others_with_it() -> None:
    kept = Kept(partitions=1)

    def refuse(outputs: Sequence[Output]) -> None:
        if sum(len(output.value or b"") for output in outputs) > 1_000:
            raise MessageSizeTooLargeError

    kept.before = refuse
    async with listening(kept=kept) as site:
        sizes = [600, 600, 1_500, 600]
        answers = await asyncio.gather(*(said(site.port, raw(body=b"x" * size)) for size in sizes))
        assert [status(answer) for answer in answers] == [200, 200, 413, 200]


async def test_an_error_of_ours_is_said_and_the_sender_keeps_what_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with listening() as site:
        monkeypatch.setattr(lanes_module.Lanes, "post", lambda *_: 1 / 0)
        assert status(await said(site.port, raw())) == 503
        assert site.counted("failed") == 1


# Noise: bytes of any kind, and requests that were right before something was changed in them.
_GOOD = [row[1] for row in REQUESTS if len(row[1]) < 2_500]
_noise = st.one_of(
    st.binary(max_size=300),
    st.tuples(st.sampled_from(_GOOD), st.integers(0, 400), st.binary(max_size=8), st.integers(0, 6)).map(
        lambda cut: cut[0][: cut[1]] + cut[2] + cut[0][cut[1] + cut[3] :]
    ),
    st.lists(st.sampled_from(_GOOD), min_size=2, max_size=4).map(b"".join),
    st.tuples(st.sampled_from(_GOOD), st.integers(0, 500)).map(lambda cut: cut[0][: cut[1]]),
)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(_noise, min_size=20, max_size=40))
def test_noise_is_answered_or_hung_up_on_and_never_believed(noise: list[bytes]) -> None:
    with patch.object(desk_module, "BODY_S", 0.2):
        asyncio.run(_play(noise))


async def _play(noise: list[bytes]) -> None:
    raised: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context))
    records: list[logging.LogRecord] = []
    handler = logging.Handler(logging.DEBUG)
    handler.emit = records.append  # type: ignore[assignment]  # the shortest handler there is
    logging.getLogger().addHandler(handler)
    try:
        async with listening(idle_s=0.2) as site:
            answers = await asyncio.gather(*(said(site.port, each, patience_s=6.0) for each in noise))
            _judge(site, noise, answers)
    finally:
        logging.getLogger().removeHandler(handler)
    assert raised == []
    assert [record for record in records if record.levelno >= logging.WARNING] == []


def _judge(site: Site, noise: Sequence[bytes], answers: Sequence[bytes]) -> None:
    known = {answer.status for answer in ANSWERS.values()}
    for each, answer in zip(noise, answers, strict=True):
        code = status(answer)
        assert code in known or (code is None and answer in (b"", b"HTTP/1.1 100 Continue\r\n\r\n")), (each, answer)
    assert site.counted("failed") == 0
    for value in site.kept.values():
        assert value in (BODY, EXACT, b"[{}]"), "only what was signed"


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110  # what is waited for has no event
            await asyncio.sleep(0.01)
