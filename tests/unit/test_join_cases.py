"""The join by example: who reaches which deals, when, and what is said of intents that have none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import pytest

from signals.emit import view_of
from signals.history import AT_REST
from signals.intents import intents_of
from signals.joining.buckets import FULL, Buckets
from signals.joining.joiner import Joiner
from signals.joining.stories import Entry
from signals.joining.ties import Ties
from signals.judge import Stored, Watch, panel_of
from signals.kept import read_kept
from signals.keyed import DictStore
from signals.partition import META_KEY, Partition
from signals.replay import heard
from tests.unit.brain_story import SOURCE, at, changed, created, gap, removed, rules_of, tick
from topics.events import (
    AccountChanged,
    ActivityChanged,
    AnyEvent,
    DealEvent,
    EngagementSeen,
    PersonChanged,
    RelationChanged,
    Scalar,
    event_id,
)
from topics.signals import Kind, Resolution, Signal, Step
from topics.sources.source import Provides, Source, SourceKind

RULES = rules_of(icp=[{"name": "big", "when": "account_employees >= 100"}], sql={"fields": ["owner_active"]})
INTENTS = intents_of(RULES.playbook, RULES.version)
D1, D2 = f"{SOURCE}:D1", f"{SOURCE}:D2"
LEAD = created(at(0), D1, stage="Lead")


def role(days: float, person: str, deal: str, name: str = "", **more: Scalar) -> RelationChanged:
    """A contact role: a person on a deal."""
    return relation(days, name or f"{person}-{deal}", person=f"{SOURCE}:{person}", deal=deal, **more)


def relation(days: float, name: str, /, **fields: Scalar) -> RelationChanged:
    return RelationChanged(
        id=event_id(name, days, sorted(fields)),
        key=f"{SOURCE}:{name}",
        source=SOURCE,
        at_us=at(days),
        relation=name,
        fields=fields,
    )


def task(days: float, name: str = "T1", /, **fields: Scalar) -> ActivityChanged:
    return ActivityChanged(
        id=event_id(name, days, sorted(fields)),
        key=f"{SOURCE}:{name}",
        source=SOURCE,
        at_us=at(days),
        activity=name,
        fields=fields,
    )


def account(days: float, name: str, /, **fields: Scalar) -> AccountChanged:
    return AccountChanged(
        id=event_id(name, days, sorted(fields)),
        key=f"{SOURCE}:{name}",
        source=SOURCE,
        at_us=at(days),
        account=name,
        fields=fields,
    )


def person(days: float, name: str, /, *, user: bool | None = None, **fields: Scalar) -> PersonChanged:
    return PersonChanged(
        id=event_id(name, days, sorted(fields), user),
        key=f"{SOURCE}:{name}",
        source=SOURCE,
        at_us=at(days),
        person=name,
        fields=fields,
        user=user,
    )


def seen(days: float, kind: str = "demo", *, who: str | None = "P1", account: str | None = None) -> EngagementSeen:
    return EngagementSeen(
        id=event_id(kind, days, who, account),
        key=f"{SOURCE}:{who or account}",
        source="web/acme",
        at_us=at(days),
        kind=kind,
        data={"page": "pricing"},
        person=who,
        account=account,
    )


class Team:
    """The join and the brain over what arrives, one after the other."""

    def __init__(self, events: Sequence[AnyEvent] = ()) -> None:
        self.kept, self._store = DictStore(), DictStore()
        self._joiner, self._ties = Joiner(INTENTS, self.kept), Ties()
        self._partition = Partition(panel_of(RULES), self._store, AT_REST)
        self._offset = 0
        self.told: list[DealEvent] = []
        self.alone: list[Signal] = []
        self.said: list[Signal] = []
        self.add(*events)

    def add(self, *events: AnyEvent) -> Team:
        """Let it arrive."""
        for event in events:
            told, said = heard(self._joiner, self._ties, event, self._offset)
            self.alone += said
            self.told += told
            for one in told:
                self._offset += 1
                self.said += self._partition.fold([Stored(one, self._offset)]).signals
        return self

    def until(self, days: float) -> Team:
        """Let time pass."""
        self._offset += 1
        self.said += self._partition.fold([Stored(tick(at(days)), self._offset)]).signals
        return self

    def fields(self, key: str = D1) -> dict[str, Scalar]:
        """The deal's fields that have compound names."""
        return {name: value for name, value in self.watch(key).deal.fields.items() if "_" in name}

    def watch(self, key: str = D1) -> Watch:
        """The deal."""
        return {name.decode(): read_kept(value).state.now for name, value in self._store.items() if name != META_KEY}[
            key
        ]

    def contacts(self, key: str = D1) -> list[int]:
        """When people spoke, as the deal knows it."""
        found = [one.contact_us() for one in self.watch(key).deal.activities.values()]
        return sorted(one for one in found if one is not None)

    def open(self, key: str = D1) -> set[Kind]:
        """The kinds of what is open on the deal."""
        return {one.kind for one in view_of(RULES, self.watch(key)).open_signals}


def done(days: float, name: str = "T1", /, **fields: Scalar) -> ActivityChanged:
    """A task that was carried out then, and said so at once."""
    return task(days, name, done=True, at_us=at(days), **fields)


class Reaches(NamedTuple):
    """One row: what arrives, and when the deals' contacts are then."""

    sentence: str
    events: Sequence[AnyEvent]
    first: list[float]
    second: list[float] = []  # noqa: RUF012 - never changed


BIRTHS = (LEAD, created(at(0), D2, stage="Lead"))
ROWS = [
    Reaches("a person's activity reaches the person's deal", [role(1, "P1", D1), done(2, person="P1")], [2]),
    Reaches("also when the role is made after it", [done(2, person="P1"), role(3, "P1", D1)], [2]),
    Reaches(
        "it reaches every deal on which the person is",
        [role(1, "P1", D1), role(1, "P1", D2), done(2, person="P1")],
        [2],
        [2],
    ),
    Reaches(
        "after the role is cut, new ones do not",
        [
            role(1, "P1", D1, "R"),
            done(2, person="P1"),
            role(2.2, "P1", D1, "R", removed=True),
            done(2.5, "T2", person="P1"),
        ],
        [2],
    ),
    Reaches(
        "that the role was cut before is learnt late",
        [role(1, "P1", D1, "R"), done(2, person="P1"), role(1.5, "P1", D1, "R", removed=True)],
        [],
    ),
    Reaches(
        "one that names a deal reaches that one only",
        [role(1, "P1", D1), done(2, person="P1", deal=D2)],
        [],
        [2],
    ),
    Reaches(
        "one that is tied to a deal by a record of its own, too",
        [role(1, "P1", D1), done(2, person="P1"), relation(2, "E", activity=f"{SOURCE}:T1", deal=D2)],
        [],
        [2],
    ),
    Reaches(
        "whoever is invited by a record of its own took part",
        [role(1, "P2", D1), relation(2, "E", activity=f"{SOURCE}:T1", person=f"{SOURCE}:P2"), done(2.1, person="P1")],
        [2.1],
    ),
    Reaches(
        "an account's activity reaches the account's deals",
        [changed(at(1), D1, account_id="A1"), done(2, account="A1")],
        [2],
    ),
    Reaches(
        "but not where a person is named, who has no deal",
        [changed(at(1), D1, account_id="A1"), done(2, account="A1", person="P9")],
        [],
    ),
    Reaches(
        "an activity that moves to another person leaves the first one's deal",
        [role(1, "P1", D1), role(1, "P2", D2), done(2, person="P1"), task(2.5, person="P2")],
        [],
        [2],
    ),
    Reaches(
        "what is deleted is no contact",
        [role(1, "P1", D1), done(2, person="P1"), task(2.5, removed=True)],
        [],
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.sentence)
def test_activities_reach_the_deals_that_they_concern(row: Reaches) -> None:
    team = Team([*BIRTHS, *row.events])
    assert (team.contacts(D1), team.contacts(D2)) == ([at(one) for one in row.first], [at(one) for one in row.second])


def test_what_waited_is_dated_by_the_tie_and_the_contact_by_itself() -> None:
    team = Team([LEAD, done(2, person="P1"), role(3, "P1", D1)])
    (told,) = [one for one in team.told if isinstance(one, ActivityChanged)]
    assert (told.at_us, told.fields["at_us"], told.fields["person"], told.via) == (at(3), at(2), "P1", "person:P1")


def test_a_meeting_of_many_who_are_all_on_the_deal_is_one_contact_each_and_ends_with_all() -> None:
    people = [f"P{n}" for n in range(1, 4)]
    invited = [relation(1, f"E{one}", activity=f"{SOURCE}:T1", person=f"{SOURCE}:{one}") for one in people]
    team = Team([LEAD, *(role(1, one, D1) for one in people), *invited, done(2)])
    assert team.contacts() == [at(2)] * 3
    assert team.add(task(2.5, removed=True)).contacts() == []


def test_a_converted_lead_brings_its_history_whatever_arrives_first() -> None:
    """One transaction of account, contact, opportunity and lead, and the lead's call before it."""
    converted: list[AnyEvent] = [
        done(1, person="L1"),
        account(2, "A1", employees=500, name="Acme"),
        person(2, "C1", name="Cleo", account="A1"),
        created(at(2), D1, stage="Lead", account_id="A1", owner_id="U1"),
        role(2, "C1", D1),
        role(2, "L1", D1, role="Converted lead"),
        person(2, "L1", removed=True),
    ]
    for events in (converted, converted[::-1], converted[3:] + converted[:3]):
        team = Team(events)
        assert team.contacts() == [at(1)]
        assert team.fields()["account_employees"] == 500


def test_account_and_owner_are_seen_by_criteria_and_forms_of_address() -> None:
    team = Team(
        [
            created(at(0), D1, stage="Demo", account_id="A1", owner_id="U9"),
            account(0, "A1", employees=10, industry="bank"),
            person(0, "U9", user=True, name="Ina", active=False, team="East"),
        ]
    )
    assert team.fields() == {
        "account_id": "A1",
        "account_employees": 10,
        "account_industry": "bank",
        "owner_id": "U9",
        "owner_name": "Ina",
        "owner_active": False,
        "owner_team": "East",
    }
    assert Kind.SQL_UNQUALIFIED in team.open()
    view = view_of(RULES, team.watch())
    assert (view.owner, view.team) == ("Ina", "East")


def test_facts_that_came_before_the_deal_are_told_when_it_names_the_account() -> None:
    team = Team([account(0, "A1", employees=10), changed(at(1), D1, stage="Lead", account_id="A1")])
    assert team.fields() == {"account_id": "A1", "account_employees": 10}


def test_a_deal_that_changes_its_account_shows_the_new_ones_fields_only() -> None:
    team = Team(
        [
            account(0, "A1", employees=10, country="FR"),
            account(0, "A2", employees=900),
            created(at(1), D1, stage="Lead", account_id="A1"),
            changed(at(2), D1, account_id="A2"),
        ]
    )
    assert team.fields() == {"account_id": "A2", "account_employees": 900}
    assert team.add(changed(at(3), D1, account_id=None)).fields() == {"account_id": None}


def test_what_an_account_says_after_the_deal_left_it_is_not_told() -> None:
    team = Team(
        [
            created(at(1), D1, stage="Lead", account_id="A1"),
            changed(at(2), D1, account_id="A2"),
            account(3, "A1", employees=10),
        ]
    )
    assert team.fields() == {"account_id": "A2"}


def test_a_field_of_the_deals_own_goes_before_the_accounts() -> None:
    born = created(at(1), D1, stage="Lead", account_id="A1", account_tier="gold")
    told = account(1, "A1", tier="none", employees=1)
    orders: list[list[AnyEvent]] = [[born, told], [told, born]]
    for events in orders:
        assert Team(events).fields()["account_tier"] == "gold"
    late = Team([created(at(1), D1, stage="Lead", account_id="A1"), told, changed(at(2), D1, account_tier="gold")])
    assert late.fields()["account_tier"] == "gold"
    assert late.add(account(3, "A1", tier="silver")).fields()["account_tier"] == "gold"


def test_of_users_and_buyers_with_equal_ids_each_is_who_it_is() -> None:
    team = Team(
        [
            created(at(1), D1, stage="Lead", owner_id="7"),
            person(1, "7", user=True, name="Ina", active=True),
            person(2, "7", user=False, name="Bert", title="CFO"),
        ]
    )
    assert team.fields() == {"owner_id": "7", "owner_name": "Ina", "owner_active": True}


def test_of_people_only_what_is_used_is_kept() -> None:
    team = Team([person(1, "P1", user=False, name="Bert", phone="+49 30 123", title="CFO")])
    assert not [1 for _, value in team.kept.items() if b"+49" in value]
    assert [1 for _, value in team.kept.items() if b"CFO" in value]


def test_only_what_the_source_provides_is_tied() -> None:
    event = created(at(1), D1, stage="Lead", account_id="A1", owner_id="U1")
    for provides, roles in (((), []), (("owners",), ["owner"]), (("owners", "accounts"), ["account", "owner"])):
        source = Source(
            name="crm",
            kind=SourceKind.SALESFORCE,
            tenant="acme",
            provides=frozenset(map(Provides, provides)),
        )
        ties = Ties([source]).of(event)
        assert [next(name for name in one.fields if name != "deal") for one in ties] == roles
        assert {one.at_us for one in ties} <= {at(1)}


def test_an_event_without_them_ties_nothing() -> None:
    assert Ties().of(changed(at(1), D1, stage="Lead")) == ()


def test_many_ties_of_one_owner_stand_in_values_that_stay_small() -> None:
    team, many = Team(), 40 * FULL
    keys = [f"{SOURCE}:D{n}" for n in range(many)]
    team.add(*(created(at(1), key, stage="Lead", owner_id="U1") for key in keys))
    assert max(len(value) for _, value in team.kept.items()) < 400 * FULL
    before = len(team.told)
    team.add(person(2, "U1", user=True, active=False))
    assert sorted(one.key for one in team.told[before:]) == sorted(keys)


def test_ties_that_were_cut_long_ago_are_forgotten() -> None:
    team = Team([created(at(0), D1, stage="Lead", owner_id="U1"), changed(at(1), D1, owner_id="U2")])
    assert tied(team, "U1") == [D1]
    team.add(created(at(3.9), D2, stage="Lead", owner_id="U1"))
    assert tied(team, "U1") == [D1, D2]
    team.add(created(at(4.1), f"{SOURCE}:D3", stage="Lead", owner_id="U1"))
    assert tied(team, "U1") == [D2, f"{SOURCE}:D3"]


def tied(team: Team, owner: str) -> list[str]:
    """The deals of which an owner knows."""
    decode = msgspec.msgpack.Decoder(dict[str, Entry]).decode
    return sorted(deal for deal, _ in Buckets(team.kept, f"owner {SOURCE}:{owner} ties", decode).items())


def test_the_intent_of_a_person_reaches_the_persons_deal_and_is_no_signal_of_its_own() -> None:
    team = Team([LEAD, role(1, "P1", D1), seen(2)])
    assert team.alone == []
    assert Kind.HIGH_INTENT in team.open()
    assert [(one.intent, one.at_us) for one in team.watch().deal.intents] == [("demo_request", at(2))]


def test_it_reaches_a_deal_whose_role_is_made_in_the_window_dated_then() -> None:
    team = Team([LEAD, seen(2), role(2.5, "P1", D1)])
    assert [(one.transition, one.subject_key) for one in team.alone] == [(Step.OPENED, f"{SOURCE}:P1")]
    assert [one.at_us for one in team.watch().deal.intents] == [at(2.5)]


def test_after_the_window_it_does_not() -> None:
    assert Team([LEAD, seen(2), role(3.1, "P1", D1)]).watch().deal.intents == ()


def test_a_role_that_was_there_before_is_learnt_late() -> None:
    team = Team([LEAD, seen(2), role(1, "P1", D1)])
    assert [(one.transition, one.resolution) for one in team.alone] == [
        (Step.OPENED, None),
        (Step.RESOLVED, Resolution.CORRECTED),
    ]
    assert [one.at_us for one in team.watch().deal.intents] == [at(2)]


def test_an_accounts_intent_reaches_its_deals() -> None:
    team = Team([changed(at(1), D1, stage="Lead", account_id="A1"), seen(2, who=None, account="A1")])
    assert Kind.HIGH_INTENT in team.open()


def test_without_a_deal_the_signal_bears_the_name_where_it_is_known() -> None:
    (signal,) = Team([person(1, "P1", user=False, name="Bert"), seen(2)]).alone
    assert signal.evidence.details == ({"intent": "demo_request", "at": "2024-03-03T00:00:00Z", "person": "Bert"},)


def test_an_earlier_one_that_arrives_late_is_the_one_of_the_window() -> None:
    said = Team([seen(2), seen(1.5)]).alone
    assert [(one.transition, one.opened_at) for one in said] == [
        (Step.OPENED, "2024-03-03T00:00:00Z"),
        (Step.RESOLVED, "2024-03-03T00:00:00Z"),
        (Step.OPENED, "2024-03-02T12:00:00Z"),
    ]


def test_a_merged_deal_resolves_as_merged_away_and_the_survivor_is_suspect() -> None:
    """What whoever parses a merge says: the loser is removed into the survivor, of which changes are missing."""
    team = Team([*BIRTHS]).until(6)
    assert Kind.CONTACT_GAP in team.open(D1)
    team.add(removed(at(7), D1, merged_into=D2), gap(at(7), D2)).until(20)
    assert {one.resolution for one in team.said if one.transition is Step.RESOLVED and one.subject_key == D1} == {
        Resolution.MERGED_AWAY
    }
    assert (team.open(D1), view_of(RULES, team.watch(D2)).suspect) == (set(), True)
    assert Kind.STAGE_OVERSTAY not in team.open(D2)
    team.add(changed(at(21), D2, name="x")).until(22)
    assert Kind.STAGE_OVERSTAY not in team.open(D2)
