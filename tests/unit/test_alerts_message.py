"""Messages: their words as golden files; that they fit Slack and are inert, for any text a CRM may hold."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.blocks import texts
from alerts.drawn import draw
from alerts.inert import clean, escaped, length
from alerts.links import deal_link
from alerts.message import message
from alerts.reasons import Reason
from playbook.model import Response
from tests.golden.messages.block_kit import problems
from tests.golden.messages.samples import PLAYBOOK, SHOWN, opened, resolved, updated
from topics.events import Scalar
from topics.signals import FAMILY, Evidence, Kind, Resolution, Severity, Signal, Step

GOLDEN = Path(__file__).parent.parent / "golden" / "messages"

WORDED = [
    *((kind.value, opened(kind), Reason.AS_OWNER) for kind in SHOWN),
    ("resolved_fixed", resolved(opened(Kind.CONTACT_GAP)), Reason.AS_OWNER),
    ("resolved_closed", resolved(opened(Kind.STAGE_OVERSTAY), why=Resolution.CLOSED), Reason.AS_OWNER),
    ("resolved_corrected", resolved(opened(Kind.GATE_VIOLATED), why=Resolution.CORRECTED), Reason.AS_OWNER),
    ("fallback_channel", opened(Kind.CONTACT_GAP, owner="Zoe Zed", owner_id="9"), Reason.OWNER_UNKNOWN),
    (
        "intent_without_a_deal",
        opened(
            Kind.HIGH_INTENT,
            subject_key="web/acme:p-17",
            deal_id="",
            deal_name="",
            stage="",
            amount=None,
            owner="",
            owner_id="",
        ),
        Reason.OWNER_UNKNOWN,
    ),
]


@pytest.mark.parametrize(("name", "signal", "via"), WORDED, ids=[each[0] for each in WORDED])
def test_the_words(name: str, signal: Signal, via: Reason) -> None:
    rendered = message(PLAYBOOK, signal, via)
    golden = GOLDEN / f"{name}.json"
    if not golden.exists():  # a new sample: write it, read it, commit it
        golden.write_text(
            json.dumps({"text": rendered.text, "blocks": rendered.blocks}, indent=1, ensure_ascii=False) + "\n"
        )
        pytest.fail(f"{golden.name} was not there; it is now: read it")
    assert {"text": rendered.text, "blocks": list(rendered.blocks)} == json.loads(golden.read_text())


def test_there_is_a_golden_message_for_every_sample_and_no_other() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == {name for name, _, _ in WORDED}


NASTY = st.sampled_from(
    [
        "<!channel>",
        "<!here>",
        "<@U123>",
        "<https://evil.example|click>",
        "&lt;!channel&gt;",
        "@here",
        "\x1b[31mred",
        "\u202egpj.exe",
        "a\nb",
        "*x* ~y~ `z`",
        "evil.example/x",
        "👩‍👩‍👧‍👦",
        "\u0000",
        "[bold]x[/bold]",
        "{stage}",
        "{id}",
        "&",
    ]
)
TEXT = st.one_of(st.text(max_size=300), NASTY, st.tuples(NASTY, st.text(max_size=50)).map("".join), st.just("&" * 4000))
SCALAR = st.one_of(TEXT, st.none(), st.booleans(), st.integers(), st.floats(allow_nan=True, allow_infinity=True))
DETAILS = st.one_of(
    st.lists(
        st.dictionaries(
            st.one_of(TEXT, st.sampled_from(["field", "value", "criterion", "intent"])), SCALAR, max_size=9
        ),
        max_size=60,
    ),
    st.lists(
        st.fixed_dictionaries({"from": SCALAR, "to": SCALAR, "days": SCALAR, "crossed_quarter": SCALAR}), max_size=9
    ),
    st.lists(st.fixed_dictionaries({"intent": SCALAR, "at": SCALAR}), max_size=9),
)
INSTANT = st.datetimes().map(lambda moment: moment.isoformat() + "Z")
NUMBER = st.one_of(st.none(), st.floats())


@st.composite
def signals(draw_: st.DrawFn) -> Signal:
    """Any signal that could be on the wire."""
    kind = draw_(st.sampled_from(list(SHOWN)))
    return Signal(
        id=draw_(TEXT),
        kind=kind,
        family=FAMILY[kind],
        severity=draw_(st.sampled_from(Severity)),
        transition=draw_(st.sampled_from(Step)),
        subject_key=draw_(TEXT),
        deal_id=draw_(TEXT),
        deal_name=draw_(TEXT),
        owner=draw_(TEXT),
        stage=draw_(TEXT),
        amount=draw_(NUMBER),
        currency=draw_(TEXT),
        anchor=draw_(st.one_of(INSTANT, TEXT)),
        occurred_at=draw_(INSTANT),
        opened_at=draw_(INSTANT),
        reason=draw_(TEXT),
        resolution=draw_(st.one_of(st.none(), st.sampled_from(Resolution))),
        evidence=Evidence(observed=draw_(NUMBER), limit=draw_(NUMBER), unit=draw_(TEXT), details=tuple(draw_(DETAILS))),
        playbook=draw_(TEXT),
    )


@settings(max_examples=150, deadline=None)
@given(signal=signals(), action=TEXT.map(lambda text: text[:300]), via=st.sampled_from(Reason))
def test_any_signal_makes_a_message_that_slack_takes_and_that_does_nothing(
    signal: Signal, action: str, via: Reason
) -> None:
    playbook = PLAYBOOK.model_copy(update={"responses": {signal.kind: Response(action=action, within_hours=5)}})
    rendered = message(playbook, signal, via)
    assert problems(rendered.text, list(rendered.blocks)) == []
    for text in (rendered.text, *texts(rendered.blocks)):
        assert not re.search(r"[<>]", text)
        assert not re.search(r"&(?!amp;|lt;|gt;)", text)
        assert not any(ord(each) < 32 and each != "\n" for each in text)
        assert not re.search("[\u202a-\u202e\u2066-\u2069\u200e\u200f]", text)
    everything = json.dumps(rendered.blocks)
    assert everything.count('"mrkdwn"') == everything.count('"verbatim": true') > 0
    for url in _urls(rendered.blocks):
        assert re.fullmatch(r"https://acme\.lightning\.force\.com/lightning/r/Opportunity/[^/?#]+/view", url)
    for line in draw("x", rendered, edited=False):
        assert line.isprintable() or not re.search("[\x00-\x1f\x7f-\x9f]", line)


def _urls(blocks: tuple[dict[str, object], ...]) -> list[str]:
    return re.findall(r'"url": "([^"]+)"', json.dumps(blocks))


def test_mentions_in_crm_text_mention_nobody() -> None:
    rendered = message(PLAYBOOK, opened(Kind.CONTACT_GAP, deal_name="<!channel> & <@U0ANN0001>"))
    everything = json.dumps([rendered.text, rendered.blocks])
    assert "<!" not in everything
    assert "<@" not in everything
    assert "&lt;!channel&gt; &amp; &lt;@U0ANN0001&gt;" in rendered.text


def test_long_details_are_counted_not_dropped() -> None:
    details: tuple[dict[str, Scalar], ...] = tuple({"criterion": f"criterion {number}"} for number in range(20))
    rendered = message(PLAYBOOK, opened(Kind.GATE_VIOLATED, evidence=Evidence(details=details)))
    assert "and 14 more" in "\n".join(texts(rendered.blocks))


@pytest.mark.parametrize(
    ("hours", "words"),
    [(1.0, "1 hour"), (4.0, "4 hours"), (24.0, "1 day"), (48.0, "2 days"), (30.0, "30 hours"), (0.5, "0.5 hours")],
)
def test_time_limits(hours: float, words: str) -> None:
    playbook = PLAYBOOK.model_copy(
        update={"responses": {Kind.CONTACT_GAP: Response(action="Call.", within_hours=hours)}}
    )
    assert f"Call. Within {words}." in "\n".join(texts(message(playbook, opened(Kind.CONTACT_GAP)).blocks))


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("2026-11-04T09:30:00Z", "less than a minute"),
        ("2026-11-04T09:31:00Z", "1 minute"),
        ("2026-11-04T11:29:59Z", "1 hour"),
        ("2026-11-05T09:29:59Z", "23 hours"),
        ("2026-11-05T09:30:00Z", "1 day"),
        ("2026-12-04T09:30:00Z", "30 days"),
    ],
)
def test_how_long_it_took(at: str, words: str) -> None:
    assert f"Fixed after {words}." in message(PLAYBOOK, resolved(opened(Kind.CONTACT_GAP), at)).text


def test_an_update_shows_what_is_true_now() -> None:
    rendered = message(
        PLAYBOOK, updated(opened(Kind.CONTACT_GAP), deal_name="Acme, renamed", severity=Severity.CRITICAL)
    )
    assert rendered.text.startswith("🔴 Acme, renamed: nobody has been in touch.")


LINKS = [
    ("in its place", "https://crm.example/o/{id}/view", "006", "https://crm.example/o/006/view"),
    ("at the end", "https://crm.example/o", "006", "https://crm.example/o/006"),
    ("at the end, after a slash", "https://crm.example/o/", "006", "https://crm.example/o/006"),
    ("quoted", "https://crm.example/o/{id}", "a/../b?c#d e", "https://crm.example/o/a%2F..%2Fb%3Fc%23d%20e"),
    ("not upwards", "https://crm.example/o/{id}/x", "..", None),
    ("not here", "https://crm.example/o/{id}/x", ".", None),
    ("no deal, no link", "https://crm.example/o/{id}", "", None),
    ("no address, no link", None, "006", None),
    ("the id is no part of the host", "https://{id}.example/", "evil", None),
    ("nobody's name before the host", "https://crm.example@evil.example/{id}", "006", None),
    ("too long for a button", "https://crm.example/{id}", "x" * 3000, None),
]


@pytest.mark.parametrize(("address", "deal", "expected"), [link[1:] for link in LINKS], ids=[link[0] for link in LINKS])
def test_links(address: str | None, deal: str, expected: str | None) -> None:
    playbook = PLAYBOOK.model_copy(update={"crm_url": address})
    assert deal_link(playbook, opened(Kind.CONTACT_GAP, deal_id=deal)) == expected


CLEANED = [
    ("line breaks are spaces", "a\r\n b\u2028c", "a b c"),
    ("an escape sequence loses its escape", "\x1b[31mred\x1b[0m", "[31mred[0m"),
    ("a direction override goes", "invoice\u202efdp.exe", "invoicefdp.exe"),
    ("invisible tags go", "hi\U000e0041\U000e0042", "hi"),
    ("an emoji family stays together", "👩‍👧", "👩‍👧"),
    ("other scripts stay", "株式会社 Ωμέγα", "株式会社 Ωμέγα"),
    ("a lone surrogate goes", "a\ud800b", "ab"),
]


@pytest.mark.parametrize(("text", "expected"), [each[1:] for each in CLEANED], ids=[each[0] for each in CLEANED])
def test_clean(text: str, expected: str) -> None:
    assert clean(text) == expected


@given(text=st.text(), limit=st.integers(1, 60))
def test_escaped_text_fits_and_no_entity_is_cut(text: str, limit: int) -> None:
    result = escaped(text, limit)
    assert length(result) <= limit
    assert not re.search(r"&(?!amp;|lt;|gt;)", result)


def test_a_drawn_message_shows_entities_as_the_characters_they_stand_for() -> None:
    lines = draw("Ann", message(PLAYBOOK, opened(Kind.CONTACT_GAP, deal_name="A & B <c>")), edited=True)
    assert lines[0].startswith("┌─ Slack to Ann, edited ")
    assert "A & B <c>" in lines[1]
