"""What earlier releases kept for the join is read by this one: `tests/golden/states/join_1.json`, written by f2d2609.

It holds an activity of two changes, a user who has left, and a person whose intent without a deal was said.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from signals.intents import intents_of
from signals.joining.joiner import Joiner
from signals.joining.ties import Ties
from signals.keyed import DictStore
from signals.replay import heard
from tests.unit.brain_story import SOURCE, activity_of, at, created, rules_of
from topics.events import ActivityChanged, PersonChanged, RelatedChanged

GOLDEN = Path(__file__).parents[1] / "golden" / "states" / "join_1.json"
INTENTS = intents_of(rules_of().playbook, "sha256:story")


@pytest.fixture
def joiner() -> Joiner:
    """The join as it goes on from what the earlier release left."""
    store = DictStore()
    for name, value in json.loads(GOLDEN.read_text(encoding="utf-8"))["states"].items():
        store.put(name.encode(), base64.b64decode(value))
    return Joiner(INTENTS, store)


def test_an_activity_goes_on_where_it_was(joiner: Joiner) -> None:
    change = activity_of({"direction": "inbound"}, at(3), "T1", f"{SOURCE}:T1")
    (told,) = heard(joiner, Ties(), change, 0)[0]
    assert isinstance(told, ActivityChanged)
    assert (told.key, told.activity, told.version) == (f"{SOURCE}:D1", "T1", 3)
    assert told.fields == {
        "deal": f"{SOURCE}:D1",
        "at_us": at(1),
        "person": "P1",
        "done": True,
        "direction": "inbound",
        "removed": False,
    }


def test_what_was_known_of_a_user_reaches_the_deals_that_name_the_user_now(joiner: Joiner) -> None:
    born = created(at(3), f"{SOURCE}:D1", stage="Lead", owner_id="U1")
    told = [one for one in heard(joiner, Ties(), born, 0)[0] if isinstance(one, RelatedChanged)]
    assert [one.fields for one in told] == [{"name": "Ina", "email": "ina@x.example", "active": False}]


def test_and_goes_on_from_there(joiner: Joiner) -> None:
    heard(joiner, Ties(), created(at(3), f"{SOURCE}:D1", stage="Lead", owner_id="U1"), 0)
    back = PersonChanged(
        id="w" * 20, key=f"{SOURCE}:U1", source=SOURCE, at_us=at(4), person="U1", fields={"active": True}, user=True
    )
    (told,) = heard(joiner, Ties(), back, 0)[0]
    assert isinstance(told, RelatedChanged)
    assert told.fields == {"name": "Ina", "email": "ina@x.example", "active": True}
