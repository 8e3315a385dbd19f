"""A replay in shares, pieces and processes gives what the replay in one gives, byte for byte."""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Callable
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from programs import pieces, replaying
from programs.commands.simulate import write
from programs.definitions import default_playbook
from programs.failures import FilesError, WorkError
from programs.jsonl import read_jsonl, read_piece
from programs.replaying import Plan, replayed
from programs.spill import spill
from signals.history import Reading, Said, joined, judged
from signals.intents import intents_of
from signals.joining.joiner import hop_of
from signals.joining.ties import Ties
from signals.judge import panel_of
from signals.replay import replay
from signals.simulate import Options
from signals.simulation.arrival import DISORDER
from tests.flow.test_brain_flow import RULES, UNTIL_US, logs
from tests.flow.test_brain_flow import record as record_of
from tests.unit.brain_story import at, source_gap
from tests.unit.brain_streams import examples
from tests.unit.test_join_orders import Arrival, arrivals
from topics.codec import encode
from topics.events import AnyEvent
from topics.outcomes import Accepted
from topics.sources.source import Source, SourceKind

PANEL = panel_of(RULES)
INTENTS = intents_of(RULES.playbook, RULES.version)


def in_shares(events: list[AnyEvent], shares: int) -> list[Said]:
    """What the steps say when each share is dealt with by itself."""
    reading = Reading(INTENTS, Ties(), shares)
    for offset, event in enumerate(events):
        reading.take(offset, [Accepted((event,))])
    said: list[Said] = []
    for hop in reading.people:
        for one in [joined(share, INTENTS, UNTIL_US) for share in hop]:
            said += one.said
            for stored in one.events:
                reading.deals[reading.share(stored.event.key)].append(stored)
            for told in one.people:
                reading.people[hop_of(told.event)][reading.share(told.event.key)].append(told)
    for share in range(shares):
        said += judged(PANEL, reading.deals[share], reading.gaps, UNTIL_US).said
    return sorted(said, key=itemgetter(0))


@given(arrivals(), st.integers(2, 5))
@examples(40)
def test_any_number_of_shares_joins_people_accounts_and_owners_the_same(arrival: Arrival, shares: int) -> None:
    assert in_shares(arrival.arrived, shares) == in_shares(arrival.arrived, 1)


@given(logs(), st.integers(1, 5), st.sampled_from((None, 3.0, 11.5)))
@examples(60)
def test_any_number_of_shares_says_the_same_in_the_same_order(
    log: list[tuple[AnyEvent, int]], shares: int, gap: float | None
) -> None:
    events = [event for event, _ in log]
    if gap is not None:
        events.append(source_gap(at(gap)))
    whole = replay([record_of(event, 0) for event in events], RULES, UNTIL_US)
    parts = in_shares(events, shares)
    assert [encode(one.signal) for one in parts] == [encode(one) for one in whole.signals]
    assert len({one.place for one in parts}) == len(parts)


@given(
    lines=st.lists(st.sampled_from((b'{"value":1}', b"x" * 30, b"", b"  ", b"\xff", b"{}\r")), max_size=12),
    ended=st.booleans(),
    size=st.integers(1, 40),
)
@examples(150)
def test_lines_are_read_once_wherever_their_file_is_cut(
    tmp_path: Path, lines: list[bytes], *, ended: bool, size: int
) -> None:
    content, path = b"\n".join(lines) + b"\n" * ended, tmp_path / "lines.jsonl"
    path.write_bytes(content)
    cut = [
        one
        for start in range(0, len(content), size)
        for one in read_piece(path, start, min(len(content), start + size))
    ]
    assert [record for _, record in cut] == list(read_jsonl(path))
    for offset, record in cut:
        assert offset == 0 or content[offset - 1 : offset] == b"\n"
        assert content[offset:].startswith(record.value or b"") or record.value == b"1"


class Written(NamedTuple):
    """All that a replay says."""

    signals: list[bytes]
    views: list[bytes]
    figures: tuple[object, ...]


SOURCES = (
    Source(name="salesforce", kind=SourceKind.SALESFORCE, tenant="default"),
    Source(name="web", kind=SourceKind.CLOUDEVENTS, tenant="default", deal_source="salesforce/default"),
)
PLAYBOOK = default_playbook()
MAPPING: dict[str, object] = {
    "tenant": "acme",
    "tables": {
        "deals": {
            "kind": "history",
            "file": "deals*.csv",
            "deal": "id",
            "at": {"column": "at", "type": "day", "format": "iso"},
            "columns": {"stage": "stage", "person": {"to": "owner_id", "join": "people"}, "people.team": "team"},
        },
        "calls": {
            "kind": "activity",
            "file": "calls.csv",
            "deal": "id",
            "at": {"column": "at", "type": "day", "format": "iso"},
            "sorted": True,
        },
        "people": {"kind": "lookup", "file": "people.csv", "key": "name"},
    },
}
TABLES = Source(name="tables", kind=SourceKind.TABLES, tenant="acme", mapping=MAPPING)


def run(path: Path, sources: tuple[Source, ...], jobs: int) -> Written:
    plan = Plan(sources, PLAYBOOK.playbook, PLAYBOOK.hash, views=True)
    with replayed(path, plan, jobs) as result:
        tally = result.tally
        counted = (tally.rows, tally.events, tally.silent, tally.rejected, tally.dirt, tally.details)
        return Written(
            list(result.signals), list(result.views), (*counted, result.deals, result.steps, result.until_us)
        )


@pytest.fixture
def in_pieces(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From then on, even a small history is cut into pieces and shares."""

    def cut() -> None:
        monkeypatch.setattr(replaying, "SMALL_BYTES", 0)
        monkeypatch.setattr(replaying, "SHARE_BYTES", 300_000)
        monkeypatch.setattr(pieces, "PIECE_BYTES", 100_000)
        monkeypatch.setattr(pieces, "PIECE_ROWS", 20)

    return cut


@pytest.fixture(scope="module")
def crm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated CRM and web site, out of order, repeated, with garbage and gaps."""
    folder = tmp_path_factory.mktemp("crm")
    trouble = DISORDER._replace(garbage=0.01, gaps=0.01)
    write(folder, Options(seed=11, deals=60, days=150, start_ms=1_735_689_600_000, trouble=trouble))
    return folder


def test_a_crm_is_replayed_the_same_by_any_number_of_workers(crm: Path, in_pieces: Callable[[], None]) -> None:
    at_once = run(crm, SOURCES, 1)
    assert len(at_once.signals) > 500  # enough for ties and joins
    in_pieces()
    for jobs in (1, 2, 3):
        assert run(crm, SOURCES, jobs) == at_once


def test_tables_are_replayed_the_same_by_any_number_of_workers(tmp_path: Path, in_pieces: Callable[[], None]) -> None:
    day = [f"2024-{n // 28 % 12 + 1:02d}-{n % 28 + 1:02d}" for n in range(400)]
    stages = ("Prospecting", "Qualification", "Negotiation/Review", "bad\nquoted", "Closed Won")
    rows = [f'D{n % 37},{day[n * 7 % 336]},"{stages[n % 5]}",P{n % 3}' for n in range(400)]
    (tmp_path / "deals1.csv").write_text("id,at,stage,person\n" + "\n".join(rows[:250]) + "\n,2024-01-01,x,P1\n")
    (tmp_path / "deals2.csv").write_text("id,at,stage,person\n" + "\n".join(rows[250:]) + "\nD1,never,x,P9\n")
    (tmp_path / "calls.csv").write_text("id,at\n" + "".join(f"D{n % 37},{day[n]}\n" for n in range(336)))
    (tmp_path / "people.csv").write_text("name,team\nP0,North\nP1,South\n")
    at_once = run(tmp_path, (TABLES,), 1)
    assert at_once.signals
    assert at_once.figures[3] == {"no_deal_id": 1, "bad_date": 1}
    in_pieces()
    for jobs in (1, 2, 3):
        assert run(tmp_path, (TABLES,), jobs) == at_once


def test_workers_that_are_started_anew_do_the_same(
    crm: Path, in_pieces: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = run(crm, SOURCES, 1)
    in_pieces()
    monkeypatch.setattr("programs.crew.usual_context", lambda: multiprocessing.get_context("spawn"))
    assert run(crm, SOURCES, 2) == at_once


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_is_wrong_with_a_file_is_said_as_it_is_by_one(
    tmp_path: Path, in_pieces: Callable[[], None], jobs: int
) -> None:
    (tmp_path / "deals1.csv").write_text("id,at,stage,person\nD1,2024-01-01,x,P1\n")
    (tmp_path / "people.csv").write_text("name,team\nP1,North\n")
    (tmp_path / "calls.csv").write_text("id,at\n" + "D1,2024-01-02\n" * 50 + "D1,2024-01-01\n")
    in_pieces()
    with pytest.raises(FilesError, match="calls: row 51 is earlier than the one before it"):
        run(tmp_path, (TABLES,), jobs)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_file_that_goes_away_on_the_way_is_named(
    crm: Path, in_pieces: Callable[[], None], monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    in_pieces()
    monkeypatch.setattr(replaying, "pieces", lambda *_: [pieces.Lines(0, crm / "gone.jsonl", 0, 10)])
    with pytest.raises(FileNotFoundError, match=r"gone\.jsonl"):
        run(crm, SOURCES, jobs)


def test_a_disk_that_is_full_is_the_works_failure(tmp_path: Path) -> None:
    with pytest.raises(WorkError, match="No such file or directory"):
        spill(tmp_path / "nowhere" / "spill", [[1]])


def test_nothing_is_left_behind(
    crm: Path, tmp_path: Path, in_pieces: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    in_pieces()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert run(crm, SOURCES, 2).signals
    assert list(tmp_path.iterdir()) == []
    assert not multiprocessing.active_children()
