"""What is remembered of criteria and segments: the same answer as without, whatever was asked before."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbook import criteria
from playbook.criteria import Expression, Remembered
from tests.unit.brain_story import rules_of
from tests.unit.brain_streams import examples
from topics.events import Scalar

#: Values that are equal to one another in Python and are not the same to a criterion.
VALUES: tuple[Scalar, ...] = (None, True, False, 1, 0, 1.0, 0.0, -0.0, float("nan"), "", "1", "x", 100, 100.0, 99.5)
EXPRESSIONS = (
    "amount >= 100",
    "need == true",
    "amount == 1",
    "amount == 1.0",
    'stage != ""',
    "1.0 / amount > 0.0",
    "need == true && amount > 1.0",
    "need == true || amount > 1.0",
    'has_need == true || stage == "x"',
)
fields = st.dictionaries(st.sampled_from(("amount", "need", "stage", "has_need")), st.sampled_from(VALUES))


@given(st.lists(fields, min_size=1, max_size=30))
@examples(60)
def test_a_remembered_answer_is_the_answer(asked: list[Mapping[str, Scalar]]) -> None:
    for text in EXPRESSIONS:
        plain = Expression(text)
        remembered = Remembered(plain)
        for values in (*asked, *asked):
            assert remembered.judge(values) is plain.judge(values), (text, values)


@given(st.lists(fields, min_size=1, max_size=30))
@examples(30)
def test_a_remembered_segment_is_the_first_that_is_true(asked: list[Mapping[str, Scalar]]) -> None:
    rules = rules_of()
    for values in (*asked, *asked):
        true = [one for one in rules.segments if one.when is None or one.when.judge(values) is True]
        assert rules.segment(values) is (true[0] if true else None)


def test_no_more_is_kept_than_the_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(criteria, "REMEMBERED", 10)
    remembered = Remembered(Expression("amount >= 100"))
    for amount in range(95):
        assert remembered.judge({"amount": amount}) is False
        assert len(remembered._answers) <= 10


def test_equal_values_of_different_types_are_asked_about_apart() -> None:
    remembered = Remembered(Expression("amount == true"))
    assert remembered.judge({"amount": 1}) is not True
    assert remembered.judge({"amount": True}) is True
    assert remembered.judge({"amount": 1.0}) is not True
    assert remembered.judge({}) is None
