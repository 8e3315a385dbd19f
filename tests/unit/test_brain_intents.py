"""What an engagement is called: remembered answers are the answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbook.criteria import Expression
from playbook.model import Playbook
from programs.definitions import default_playbook
from signals.intents import LONGEST, Intents, intents_of, reads_of
from tests.unit.brain_story import rules_of
from tests.unit.brain_streams import examples
from topics.events import EngagementSeen, Scalar

#: One way to write each: decided by the kind, by the data, by either, by both, by the data as a whole, by an error.
WHENS = (
    'kind.startsWith("a")',
    'data.page == "/x"',
    'kind == "b" || data.page == "/x"',
    'kind == "b" && has(data.page) && data.page.startsWith("/y")',
    'kind == "c" && has(data.n) && data.n == 1',
    'kind == "c" && data.n == true',
    'kind == "d" && "page" in data',
    'kind == "d" && size(data) == 2',
    'data["n"] == 2',
    'kind == "e" ? data.n > 1 : data.page == "data.page"',
    'has(data.page) ? kind == "f" : kind == "g"',
    '!(kind == "g") && data.page != "/x"',
    'data.exists(name, name == "page") && kind == "h"',
    "data.n > 0 && kind.size() == 1",
)


def playbook_of(whens: tuple[str, ...]) -> Playbook:
    intents = [{"name": f"i{n}", "when": when} for n, when in enumerate(whens)]
    return rules_of(intents=intents).playbook


def seen(kind: str, data: dict[str, Scalar]) -> EngagementSeen:
    return EngagementSeen(id="e", key="k", source="web/acme", at_us=0, kind=kind, data=data)


def plainly(whens: tuple[str, ...], event: EngagementSeen) -> str | None:
    """Each expression, one after the other, over all that there is."""
    values = {"kind": event.kind, "data": event.data}
    return next((f"i{n}" for n, when in enumerate(whens) if Expression(when).judge(values) is True), None)


_values = st.sampled_from((None, 0, 1, 1.0, 2, True, False, "", "/x", "/yes", "/x" * LONGEST))
_data = st.dictionaries(st.sampled_from(("page", "n", "other")), _values, max_size=3)
_engagements = st.builds(seen, st.sampled_from("abcdefgh"), _data)


@given(st.lists(st.sampled_from(WHENS), min_size=1, max_size=4).map(tuple), st.lists(_engagements, max_size=12))
@examples(150)
def test_the_name_is_that_of_the_first_expression_that_is_true(
    whens: tuple[str, ...], engagements: list[EngagementSeen]
) -> None:
    intents = intents_of(playbook_of(whens), "v")
    for event in engagements:
        assert intents.name_of(event) == plainly(whens, event)


@pytest.mark.parametrize(
    ("source", "reads"),
    [
        ('kind == "x"', ()),
        ("has(data.page) && data.page.startsWith('/x')", ("page",)),
        ("data . page == data.role", ("page", "role")),
        ("data.size() == 1", None),
        ("data.exists (k, k == 'x')", None),
        ('data["page"] == 1', None),
        ('"page" in data', None),
        ('kind == "data"', None),
        ("metadata.page == 1", ()),
    ],
)
def test_what_an_expression_reads_is_told_on_the_safe_side(source: str, reads: tuple[str, ...] | None) -> None:
    assert reads_of(source) == reads


def test_the_expressions_that_ship_name_what_they_read() -> None:
    intents: Intents = intents_of(default_playbook().playbook, "v")
    assert [rule.reads for rule in intents.rules] == [(), ("page", "url"), ("document",), ("role",)]
