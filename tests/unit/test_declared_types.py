"""Fields that the playbook declares: what their values are to criteria, and which expressions do not fit them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from playbook.criteria import Expression
from playbook.fields import Declared, FieldType, Misfit, Typed, typed
from playbook.load import PlaybookError, load
from playbook.typecheck import type_errors
from topics.events import Scalar

NUMBER, TEXT, DATE, YES_NO = FieldType
TIER = ("gold", "silver")
MARCH = datetime(2024, 3, 1, tzinfo=UTC)

READ: list[tuple[Declared, Scalar, Typed]] = [
    (NUMBER, 5, 5.0),
    (NUMBER, " -1.5e3 ", -1500.0),
    (NUMBER, "", None),
    (NUMBER, None, None),
    (TEXT, "", ""),
    (TEXT, "gold", "gold"),
    (TEXT, 7, "7"),
    (DATE, "2024-03-01", MARCH),
    (DATE, "2024-03-01T01:00:00+01:00", MARCH),
    (DATE, 1_709_251_200_000, MARCH),
    (DATE, "1709251200000", MARCH),
    (DATE, 1_709_251_200_000_000, MARCH),
    (DATE, "", None),
    (YES_NO, "Yes", True),
    (YES_NO, 0, False),
    (YES_NO, "FALSE", False),
    (TIER, " gold ", "gold"),
    (TIER, "", None),
]
NONE: list[tuple[Declared, Scalar, str]] = [
    (NUMBER, "1,000", "no number: '1,000'"),
    (NUMBER, "nan", "no number: 'nan'"),
    (NUMBER, True, "no number: True"),
    (TEXT, True, "no text: True"),
    (TEXT, 1.5, "no text: 1.5"),
    (DATE, "soon", "no date: 'soon'"),
    (DATE, "2024-02-30", "no date: '2024-02-30'"),
    (DATE, 20240301, "no date: 20240301"),
    (DATE, "2024-03-01T00:00:00", "no date: '2024-03-01T00:00:00'"),
    (YES_NO, "maybe", "no yes or no: 'maybe'"),
    (YES_NO, 2, "no yes or no: 2"),
    (TIER, "Gold", "none of gold, silver: 'Gold'"),
    (TIER, "x" * 90, f"none of gold, silver: '{'x' * 39}…"),
]


@pytest.mark.parametrize(("declared", "value", "expected"), READ)
def test_a_value_is_read_as_its_type(declared: Declared, value: Scalar, expected: Typed) -> None:
    found = typed(declared, value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(("declared", "value", "reason"), NONE)
def test_a_value_that_is_none_of_its_type_says_why(declared: Declared, value: Scalar, reason: str) -> None:
    assert typed(declared, value) == Misfit(reason)


TYPES: dict[str, Declared] = {"n": NUMBER, "t": TEXT, "d": DATE, "b": YES_NO, "g": TIER}
JUDGED: list[tuple[str, dict[str, Scalar], bool | None]] = [
    ("n > 5", {"n": "6"}, True),
    ("n > 5", {"n": "lots"}, None),
    ("n > 5", {"n": ""}, False),
    ("n > 5 || b", {"n": "lots", "b": "yes"}, True),
    ("n > 5 && b", {"n": "lots", "b": "no"}, False),
    ("b == true", {"b": "Yes"}, True),
    ("t == '7'", {"t": 7}, True),
    ("g == 'gold'", {"g": "lead"}, None),
    ("g != 'gold'", {"g": "silver"}, True),
    ('d > timestamp("2024-02-01T00:00:00Z")', {"d": 1_709_251_200_000}, True),
    ("d == null", {"d": ""}, True),
    ("d.getMonth() == 2", {"d": "2024-03-31"}, True),
    ("x == 'lots'", {"x": "lots"}, True),
]


@pytest.mark.parametrize(("source", "values", "expected"), JUDGED)
def test_criteria_see_typed_values_and_what_does_not_fit_is_unknown(
    source: str,
    values: dict[str, Scalar],
    expected: bool | None,  # noqa: FBT001 - a column of a table of cases
) -> None:
    assert Expression(source, TYPES).judge(values) is expected


def test_what_does_not_fit_is_told_with_its_reason() -> None:
    expression = Expression("n > 5 && g == 'gold' && x == 1", TYPES)
    values: dict[str, Scalar] = {"n": "lots", "g": "gold", "x": "y"}
    assert expression.misfits(values) == {"n": "no number: 'lots'"}


CHECKED = [
    ("n > 5 && n >= 5.5 && n == 5 && n in [1, 2.5] && n != null", []),
    ("n + 1.0 > 5", []),
    ("n + 1 > 5", ["+ does not go with a number and a whole number: line 1, column 3"]),
    ("n > '5'", ["> does not go with a number and a text: line 1, column 3"]),
    ("t == 5", ["== does not go with a text and a whole number: line 1, column 3"]),
    ("g in [1]", ["in does not go with a text and a list(int): line 1, column 3"]),
    ("b || n", ["|| does not go with a yes or no and a number: line 1, column 3"]),
    ("!t", ["! does not go with a text: line 1, column 1"]),
    ("n", ["answers with a number, not with yes or no"]),
    ("x == 'a' || x > 5", []),
    ("size(t) > 3 && t.startsWith('a') && t != ''", []),
    ("n.startsWith('a')", ["startsWith does not go with a number and a text: line 1, column 13"]),
    ('d > "2024-01-01"', ["> does not go with a date and a text: line 1, column 3"]),
    ('d - timestamp("2024-01-01T00:00:00Z") > duration("24h")', []),
    ("min(n, 2) > 1", []),
    (
        "t > 1 ||\n n > 'a'",
        [
            "> does not go with a text and a whole number: line 1, column 3",
            "> does not go with a number and a text: line 2, column 4",
        ],
    ),
]


@pytest.mark.parametrize(("source", "errors"), CHECKED)
def test_what_does_not_fit_in_an_expression(source: str, errors: list[str]) -> None:
    assert list(type_errors(source, Expression(source).references, TYPES)) == errors


PLAYBOOK = """\
name: typed
fields:
  budget: number
  tier: [gold, silver]
  ready: yes_no
pipelines:
  - name: Sales
    stages:
      - name: Lead
        required_fields: [amount, bugdet]
        exit:
          - {name: rich, when: 'budget > "5"'}
      - {name: Won, outcome: won}
      - {name: Lost, outcome: lost}
icp:
  - {name: fine, when: 'tier == "gold" && account_industry == "bank" && typo == 1'}
sql:
  fields: [ready, tier]
responses:
  icp_mismatch: {action: look at it}
signals:
  handoff_incomplete: {won_fields: [bugdet]}
"""


def test_every_slip_is_told_with_its_line() -> None:
    with pytest.raises(PlaybookError) as refused:
        load(PLAYBOOK, "p.yaml")
    unknown = "it is neither declared under fields nor one of ours"
    assert [(one.line, one.path, one.reason) for one in refused.value.problems] == [
        (
            10,
            "pipelines[0].stages[0].required_fields[1]",
            f"no field is named 'bugdet': {unknown}; is it 'budget'?",
        ),
        (
            12,
            "pipelines[0].stages[0].exit[0].when",
            "> does not go with a number and a text: line 1, column 8",
        ),
        (16, "icp[0].when", f"no field is named 'typo': {unknown}; is it 'type'?"),
        (18, "sql.fields[1]", "'tier' is not declared as yes_no"),
        (20, "responses.icp_mismatch", "the owner is never told of this kind: tell revops, lead or nobody"),
        (
            22,
            "signals.handoff_incomplete.won_fields[0]",
            f"no field is named 'bugdet': {unknown}; is it 'budget'?",
        ),
    ]


def test_a_playbook_that_declares_nothing_is_read_as_ever() -> None:
    text = PLAYBOOK.replace("fields:\n  budget: number\n  tier: [gold, silver]\n  ready: yes_no\n", "", 1)
    assert load(text.replace("{action: look at it}", "{tell: [revops]}"), "p.yaml").playbook.fields == {}
