"""The Maven example at the level of rows: files, mapping and parser against queries over the same files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest
import yaml

from playbook.check import kinds_off
from playbook.load import load as load_playbook
from playbook.needs import NEEDS
from programs.files import rows as files
from topics.events import DealChanged
from topics.outcomes import Accepted, Outcome
from topics.signals import Kind
from topics.sources import tables
from topics.sources.source import Provides
from topics.sources.tables import mapping

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared/data/maven"
MAPPING = ROOT / "examples/mappings/maven.yaml"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the Maven data set is not beside the checkout")

DEALS = f"""
  SELECT *, try_strptime(engage_date, '%m/%d/%Y') AS engaged, try_strptime(close_date, '%m/%d/%Y') AS closed
  FROM read_csv('{DATA / "sales_pipeline.csv"}', all_varchar = true)
"""  # noqa: S608 -- a path of the checkout


def ask(query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as database:
        return database.execute(f"WITH deals AS ({DEALS}) {query}").fetchall()


class Read(NamedTuple):
    """What the whole data set became."""

    outcomes: list[Outcome]
    accepted: list[Accepted]
    events: list[DealChanged]


@pytest.fixture(scope="module")
def read() -> Read:
    data = yaml.safe_load(MAPPING.read_text())
    parse = tables.parser(mapping.as_source("tables", data))
    outcomes = [one for record in files.records(DATA, mapping.load(data)) for one in parse(record)]
    accepted = [one for one in outcomes if isinstance(one, Accepted)]
    return Read(outcomes, accepted, list(_changes(accepted)))


def _changes(accepted: list[Accepted]) -> Iterator[DealChanged]:
    for one in accepted:
        for event in one.events:
            assert isinstance(event, DealChanged)
            yield event


def test_every_row_is_one_outcome_and_every_deal_is_made(read: Read) -> None:
    ((rows,),) = ask("SELECT count(*) FROM deals")
    assert len(read.outcomes) == len(read.accepted) == rows == 8_800
    assert len({event.key for event in read.events}) == 8_800
    assert len({event.id for event in read.events}) == len(read.events)


def test_what_has_no_date_is_undated(read: Read) -> None:
    undated = {event.key for event in read.events if event.undated}
    asked = {f"tables/maven:{deal}" for (deal,) in ask("SELECT opportunity_id FROM deals WHERE engaged IS NULL")}
    assert undated == asked
    assert Counter(one.silent for one in read.accepted) == {"": 8_300, "undated": 500}


def test_the_dirt_is_counted(read: Read) -> None:
    ((spelt, empty, sector),) = ask(
        f"""SELECT count(*) FILTER (product = 'GTXPro'), count(*) FILTER (d.account IS NULL),
                   count(*) FILTER (sector = 'technolgy')
            FROM deals AS d LEFT JOIN read_csv('{DATA / "accounts.csv"}') AS a USING (account)"""  # noqa: S608 -- a path of the checkout
    )
    assert (spelt, empty) == (1_480, 1_425)
    assert Counter(dirt for one in read.accepted for dirt in one.dirt) == {
        "repaired.product": spelt,
        "empty.account": empty,
        "repaired.accounts.sector": sector,
    }


def test_each_stage_begins_on_its_day(read: Read) -> None:
    events = {(event.key[len("tables/maven:") :], event.fields["stage"], event.at_us) for event in read.events}
    asked = ask(
        """SELECT opportunity_id, 'Engaging', epoch_us(engaged) FROM deals WHERE engaged IS NOT NULL
           UNION ALL SELECT opportunity_id, deal_stage, epoch_us(closed) FROM deals WHERE closed IS NOT NULL
           UNION ALL SELECT opportunity_id, deal_stage, 0 FROM deals WHERE engaged IS NULL"""
    )
    assert events == set(asked)
    assert len(events) == len(read.events) == 15_511


def test_before_a_deal_closed_nobody_knew_what_it_was_worth(read: Read) -> None:
    ((won,),) = ask("SELECT sum(close_value::DOUBLE) FROM deals")
    assert sum(float(event.fields.get("amount") or 0) for event in read.events) == won
    closed = {event.key for event in read.events if event.fields["stage"] in {"Won", "Lost"}}
    engaged = [event for event in read.events if event.fields["stage"] == "Engaging" and event.key in closed]
    assert len(engaged) == 6_711
    assert not any({"amount", "account_id", "sector"} & set(event.fields) for event in engaged)


def test_rows_come_in_order_of_time(read: Read) -> None:
    firsts = [one.events[0].at_us for one in read.accepted]
    assert firsts == sorted(firsts)
    assert firsts[500] == min(event.at_us for event in read.events if not event.undated)


def test_the_playbook_fits_the_mapping_and_knows_every_owner_and_stage(read: Read) -> None:
    data = yaml.safe_load(MAPPING.read_text())
    file = MAPPING.parent / data["playbook"]
    playbook = load_playbook(file.read_text(), file.name).playbook
    owners = {owner.name: owner for owner in playbook.owners}
    assert {event.fields["owner_id"] for event in read.events} <= set(owners)
    teams = ask(f"SELECT * FROM read_csv('{DATA / 'sales_teams.csv'}')")  # noqa: S608 -- a path of the checkout
    assert len(teams) == 35
    assert {(name, owners[name].lead, owners[name].team) for name, _, _ in teams} == set(teams)
    assert {event.fields["stage"] for event in read.events} == {stage.name for stage in playbook.pipelines[0].stages}
    off = {row.kind for row in kinds_off(playbook, [mapping.as_source("tables", data)])}
    assert {Kind.STAGE_OVERSTAY, Kind.CYCLE_EXCEEDED, Kind.STAGE_REGRESSED} <= set(Kind) - off
    assert {kind for kind in Kind if NEEDS[kind] & {Provides.ACTIVITIES, Provides.MEETINGS}} <= off
