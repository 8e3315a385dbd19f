"""Broken playbooks, one per row: the line that is named and the reason that is given. And what the version is of."""

# ruff: noqa: E501 - a row of a table of cases is one line, however long

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from playbook.load import Loaded, PlaybookError, Problem, content_hash, load
from playbook.model import Playbook

GOOD = """\
name: Good
timezone: Europe/Paris
pipelines:
  - name: Sales
    sql_stage: Proposal
    stages:
      - {name: Start, values: [start, begin], exit: [{name: sized, when: amount > 0}]}
      - {name: Proposal, max_days: 14}
      - {name: Won, outcome: won}
      - {name: Lost, outcome: lost}
segments:
  - {name: big, when: amount >= 100000, cycle_days: 200}
  - {name: rest, cycle_days: 60}
sql: {fields: [budget]}
icp:
  - {name: known, when: account_id != null}
intents:
  - {name: demo, when: kind == "demo", route: demos}
owners:
  - {name: Ana, ids: [u1, ana@corp], email: Ana@corp, team: South, lead: Bo, timezone: Asia/Tokyo}
  - {name: Bo, ids: [u2]}
crm_url: https://crm.example/deals/{id}
signals:
  stage_overstay: {off_for: {pipelines: [Sales], stages: [Lost], segments: [big], teams: [South]}}
responses:
  contact_gap: {action: Call.}
"""

# (what is wrong, what to replace in GOOD, by what, the line that is named, the path, a part of the reason)
BROKEN = [
    ("a name that is missing", "name: Good\n", "", 1, "name", "is missing"),
    ("a name that no playbook knows", "timezone: Europe", "time_zone: Europe", 2, "time_zone", "not a name that is known here"),
    ("no such zone", "Europe/Paris", "Europe/Pariss", 2, "timezone", "no time zone is named 'Europe/Pariss'"),
    ("a zone that is a path", "Europe/Paris", "../../etc/passwd", 2, "timezone", "no time zone"),
    ("a zone that is a folder", "Europe/Paris", "America", 2, "timezone", "no time zone"),
    ("an owner's zone", "Asia/Tokyo", "Asia/Kyoto", 20, "owners[0].timezone", "no time zone"),
    ("limits of nothing", "max_days: 14", "max_days: 0", 8, "pipelines[0].stages[1].max_days", "greater than 0"),
    ("limits without end", "max_days: 14", "max_days: .inf", 8, "pipelines[0].stages[1].max_days", "finite"),
    ("limits of a decade and more", "max_days: 14", "max_days: 3651", 8, "pipelines[0].stages[1].max_days", "less than or equal to 3650"),
    ("limits in words", "max_days: 14", "max_days: two weeks", 8, "pipelines[0].stages[1].max_days", "valid number"),
    ("a number for a name", "[start, begin]", "[start, 42]", 7, "pipelines[0].stages[0].values[1]", "put it in quotes"),
    ("a No that YAML takes for false", "name: Start", "name: No", 7, "pipelines[0].stages[0].name", "not true or false: put it in quotes"),
    ("one text for a list", "[start, begin]", "start", 7, "pipelines[0].stages[0].values", "must be a list"),
    ("a list for a mapping", "sql: {fields: [budget]}", "sql: [budget]", 14, "sql", "must be a mapping"),
    ("an outcome of one's own", "outcome: won", "outcome: gained", 9, "pipelines[0].stages[2].outcome", "'open', 'won' or 'lost'"),
    ("a response to no kind", "contact_gap: {action", "contact_gaps: {action", 26, "responses.contact_gaps", "'contact_gap'"),
    ("nobody to tell", "{action: Call.}", "{tell: [boss]}", 26, "responses.contact_gap.tell[0]", "'owner'"),
    ("a version from the future", "name: Good", "name: Good\nversion: 2", 2, "version", "input should be 1"),
    ("a stage criterion that is not CEL", "when: amount > 0", "when: amount >", 7, "pipelines[0].stages[0].exit[0].when", "not a CEL expression: line 1, column 9"),
    ("a segment that is not CEL", "amount >= 100000", '"amount => 1"', 12, "segments[0].when", "not a CEL expression"),
    ("an ICP criterion that is not CEL", "account_id != null", "account_id <> null", 16, "icp[0].when", "not a CEL expression"),
    ("an intent that is not CEL", 'kind == "demo"', 'kind = "demo"', 18, "intents[0].when", "not a CEL expression"),
    ("an intent over the deal", 'kind == "demo"', "amount > 5", 18, "intents[0].when", "reads `kind` and `data` only, not `amount`"),
    ("a route that no topic can have", "route: demos", "route: Demos!", 18, "intents[0].route", "pattern"),
    ("an SQL stage that is none", "sql_stage: Proposal", "sql_stage: Propsal", 5, "pipelines[0].sql_stage", "no stage of this pipeline is named 'Propsal'"),
    ("an SQL stage that is closed", "sql_stage: Proposal", "sql_stage: Won", 5, "pipelines[0].sql_stage", "'Won' is not an open stage"),
    ("two stages of one name", "name: Won,", "name: Lost,", 10, "pipelines[0].stages[3].name", "'Lost' stands twice"),
    ("a value of two stages", "max_days: 14", "values: [begin]", 8, "pipelines[0].stages[1].values[0]", "'begin' stands twice"),
    ("a value that is another's name", "max_days: 14", "values: [Start]", 8, "pipelines[0].stages[1].values[0]", "'Start' stands twice"),
    ("nothing is ever won", "outcome: won", "outcome: lost", 6, "pipelines[0].stages", "no stage with the outcome won"),
    ("nothing is ever lost", "outcome: lost", "outcome: won", 6, "pipelines[0].stages", "no stage with the outcome lost"),
    ("a segment out of reach", ", when: amount >= 100000", "", 13, "segments[1]", "cannot be reached: 'big' before it takes every deal"),
    ("two segments of one name", "name: rest", "name: big", 13, "segments[1].name", "'big' stands twice"),
    ("a lead whom nobody knows", "lead: Bo", "lead: Cy", 20, "owners[0].lead", "no owner is named 'Cy'"),
    ("one's own lead", "lead: Bo", "lead: Ana", 20, "owners[0].lead", "in a circle"),
    ("an id of two owners", "ids: [u2]", "ids: [u1]", 21, "owners[1].ids[0]", "'u1' stands twice"),
    ("an e-mail of two owners, in other letters", "ids: [u2]", "email: ANA@corp", 21, "owners[1].email", "'ana@corp' stands twice"),
    ("an owner named like another's id", "ids: [u2]", "ids: [Ana]", 21, "owners[1].ids[0]", "'Ana' stands twice"),
    ("an address without a host", "https://crm.example/", "https:///", 22, "crm_url", "without a host"),
    ("an address that is not safe", "https://crm", "http://crm", 22, "crm_url", "pattern"),
    ("an address whose host is the deal's", "https://crm.example/deals/{id}", '"https://{id}/"', 22, "crm_url", "without a host"),
    ("a password in the address", "https://crm", "https://me:pw@crm", 22, "crm_url", "user name or password"),
    ("a placeholder that nobody fills", "{id}", "{deal}", 22, "crm_url", "one {id}"),
    ("switched off for no pipeline", "pipelines: [Sales]", "pipelines: [Sale]", 24, "signals.stage_overstay.off_for.pipelines[0]", "no pipeline is named 'Sale'"),
    ("switched off for no stage", "stages: [Lost]", "stages: [Los]", 24, "signals.stage_overstay.off_for.stages[0]", "no stage is named 'Los'"),
    ("switched off for no segment", "segments: [big]", "segments: [Big]", 24, "signals.stage_overstay.off_for.segments[0]", "no segment is named 'Big'"),
    ("switched off for no team", "teams: [South]", "teams: [North]", 24, "signals.stage_overstay.off_for.teams[0]", "no team is named 'North'"),
    ("a number of no kind", "  stage_overstay: {off", "  stage_oversta: {days: 3}\n  stage_overstay: {off", 24, "signals.stage_oversta", "not a name"),
    ("graver before it is grave", "  stage_overstay: {off", "  close_date_pushed: {warning_count: 4}\n  stage_overstay: {off", 24, "signals.close_date_pushed.critical_count", "less than warning_count, which is 4"),
]  # fmt: skip


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(PlaybookError) as refused:
        load(text, "book.yaml")
    return refused.value.problems


def test_the_playbook_that_the_rows_break_is_whole() -> None:
    loaded = load(GOOD, "book.yaml")
    assert loaded.playbook.pipelines[0].stages[1].max_days == 14.0
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", loaded.hash)


@pytest.mark.parametrize(
    ("old", "new", "line", "path", "reason"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN]
)
def test_one_mistake_gives_one_problem_at_its_line(old: str, new: str, line: int, path: str, reason: str) -> None:
    assert old in GOOD
    found = problems(GOOD.replace(old, new, 1))
    assert [(each.file, each.line, each.path) for each in found] == [("book.yaml", line, path)], found
    assert reason in found[0].reason


def test_a_name_that_is_gone_is_named_wherever_it_is_used() -> None:
    found = problems(GOOD.replace("name: rest", "name: other").replace("name: big", "name: small"))
    assert [each.path for each in found] == ["signals.stage_overstay.off_for.segments[0]"]


def test_a_second_pipeline_for_all_the_rest_cannot_be_reached() -> None:
    second = GOOD[GOOD.index("  - name: Sales") : GOOD.index("segments:")]
    found = problems(GOOD.replace("segments:\n", second.replace("Sales", "Renewals") + "segments:\n", 1))
    assert [(each.path, "'Sales' already takes" in each.reason) for each in found] == [("pipelines[1]", True)]


@pytest.mark.parametrize(
    ("values", "text"), [("[renew]", "renew"), ("[Sales]", "Sales"), ("[Renewals, renew]", "renew")]
)
def test_a_value_leads_to_one_pipeline(values: str, text: str) -> None:
    body = GOOD[GOOD.index("    sql_stage") : GOOD.index("segments:")]
    more = f"  - name: Renewals\n    values: {values}\n{body}  - name: Old\n    values: [renew]\n{body}segments:\n"
    found = problems(GOOD.replace("segments:\n", more, 1))
    assert f"the pipeline name or value {text!r} stands twice" in [each.reason for each in found]
    assert {each.path for each in found} <= {"pipelines[1].values[0]", "pipelines[2].values[0]"}


def test_a_circle_of_leads_is_named_at_each_of_its_owners() -> None:
    found = problems(GOOD.replace("ids: [u2]", "ids: [u2], lead: Ana"))
    assert [(each.line, each.path) for each in found] == [(20, "owners[0].lead"), (21, "owners[1].lead")]


def test_a_lead_above_a_circle_is_no_part_of_it() -> None:
    people = "owners:\n  - {name: A, lead: B}\n  - {name: B, lead: C}\n  - {name: C, lead: B}\n"
    text = re.sub(r"owners:\n(  - .*\n)+", people, GOOD).replace(", teams: [South]", "")
    assert [each.path for each in problems(text)] == ["owners[1].lead", "owners[2].lead"]


def test_everything_that_is_wrong_is_said_at_once() -> None:
    text = GOOD
    rows = [row for row in BROKEN if row[0] in {
        "limits in words", "no such zone", "a lead whom nobody knows", "an SQL stage that is none", "nobody to tell",
        "an ICP criterion that is not CEL",
    }]  # fmt: skip
    for _, old, new, *_ in rows:
        text = text.replace(old, new, 1)
    text += "name: Again\n"
    expected = sorted([*((row[3], row[4]) for row in rows), (27, "name")])
    assert sorted((each.line, each.path) for each in problems(text)) == expected


def test_a_problem_reads_like_a_compilers() -> None:
    assert str(Problem("book.yaml", 7, "sql.fields[0]", "is odd")) == "book.yaml:7: sql.fields[0]: is odd"
    assert str(Problem("book.yaml", 1, "", "the file is empty")) == "book.yaml:1: the file is empty"


@pytest.mark.parametrize(
    "text", ["", "~", "null", "[]", "7", "name", "{}", "a: [", "pipelines: {}", "pipelines: [1, a]"]
)
def test_what_is_no_playbook_at_all_is_refused_without_a_crash(text: str) -> None:
    assert problems(text)


# --- the version -------------------------------------------------------------------------------------------------


def _written(value: object, draw: st.DataObject) -> object:
    """The same value with the keys of every mapping in another order."""
    if isinstance(value, dict):
        keys = draw.draw(st.permutations(list(value)))
        return {key: _written(value[key], draw) for key in keys}
    return [_written(each, draw) for each in value] if isinstance(value, list) else value


@settings(deadline=None)
@given(st.data())
def test_writing_the_same_otherwise_keeps_the_version(data: st.DataObject) -> None:
    values = _written(yaml.safe_load(GOOD), data)
    text = yaml.safe_dump(
        values,
        sort_keys=False,
        default_flow_style=data.draw(st.sampled_from([None, True, False])),
        indent=data.draw(st.integers(2, 8)),
        width=data.draw(st.sampled_from([20, 80, 1000])),
    )
    comment = data.draw(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"])))
    lines = [f"{line}{' ' * data.draw(st.integers(0, 3))}" for line in text.splitlines()]
    spaced = f"# {comment}\n\n" + "\n".join(lines) + "\n\n# end\n"
    assert load(spaced, "other.yaml") == load(GOOD, "book.yaml")


@settings(deadline=None)
@given(st.data())
def test_comments_and_blank_lines_between_any_two_lines_keep_the_version(data: st.DataObject) -> None:
    lines = GOOD.splitlines(keepends=True)
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(lines)))
        lines.insert(at, data.draw(st.sampled_from(["\n", "# a: b\n", "      # - {\n", "   \n"])))
    assert load("".join(lines), "book.yaml").hash == load(GOOD, "book.yaml").hash


MEANING = [
    ("a limit", "max_days: 14", "max_days: 15"),
    ("the order of stages", "{name: Won, outcome: won}\n      - {name: Lost, outcome: lost}", "{name: Lost, outcome: lost}\n      - {name: Won, outcome: won}"),
    ("a criterion", "amount > 0", "amount > 1"),
    ("an owner", "name: Bo,", "name: Bob,"),
    ("what to do", "action: Call.", "action: Write."),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), [row[1:] for row in MEANING], ids=[row[0] for row in MEANING])
def test_another_meaning_is_another_version(old: str, new: str) -> None:
    assert old in GOOD
    changed = GOOD.replace(old, new, 1).replace("lead: Bo,", "lead: Bob," if "Bob" in new else "lead: Bo,")
    assert load(changed, "book.yaml").hash != load(GOOD, "book.yaml").hash


def test_writing_out_a_default_keeps_the_version() -> None:
    written = GOOD.replace("max_days: 14", "max_days: 14.0, required: true") + "fiscal_year_starts: 1\n"
    assert load(written, "book.yaml").hash == load(GOOD, "book.yaml").hash


def test_a_published_playbook_has_the_version_of_its_file() -> None:
    loaded: Loaded = load(GOOD, "book.yaml")
    published = Playbook.model_validate_json(loaded.playbook.model_dump_json())
    assert content_hash(published) == loaded.hash


@pytest.mark.parametrize("example", ["examples/playbooks/ten-lines.yaml", "examples/playbooks/maven.yaml"])
def test_the_examples_are_whole(example: str) -> None:
    file = Path(__file__).parents[2] / example
    assert load(file.read_text(encoding="utf-8"), example).playbook.pipelines


def test_a_route_names_intents_and_reads_what_there_is() -> None:
    rules = ("{name: a, intents: [dmo]}", '{name: a, when: "deal.amount >"}', "{name: b, when: amount > 5.0}")
    text = "\n".join([GOOD.rstrip(), "routes:", *(f"  - {rule}" for rule in rules), ""])
    first = text.splitlines().index("routes:") + 2
    found = {(each.line, each.path): each.reason for each in problems(text)}
    assert found.keys() == {
        (first, "routes[0].intents[0]"),
        (first + 1, "routes[1].name"),
        (first + 1, "routes[1].when"),
        (first + 2, "routes[2].when"),
    }
    assert found[first, "routes[0].intents[0]"] == "no intent is named 'dmo'"
    assert "reads `intent`, `event` and `deal` only, not `amount`" in found[first + 2, "routes[2].when"]


def test_every_route_is_a_topic_once() -> None:
    text = GOOD.rstrip() + "\nroutes:\n  - {name: large, when: deal.amount > 5.0}\n  - {name: demos}\n"
    assert load(text, "book.yaml").playbook.route_names == ("demos", "large")
