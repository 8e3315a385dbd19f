"""Who may do what: by workspace, user and the playbook's owners, and by whose deal it is."""

from __future__ import annotations

import pytest

from alerts.actions import ActionKind, Role
from alerts.authority import MAY, User, acting, person_of, roles
from playbook.load import PlaybookError, load
from playbook.model import Owner
from playbook.owners import Directory
from programs.definitions import default_text
from tests.golden.messages.samples import ANN, BEN, GUS, LEE, PLAYBOOK

OPS = Owner(name="Rita Ops", slack="U0RITA001")
BOOK = PLAYBOOK.model_copy(update={"owners": (*PLAYBOOK.owners, OPS), "revops": (OPS.name,)})
DIRECTORY = Directory(BOOK.owners)

PEOPLE = [
    ("by the id that the playbook gives", User("T", "U0ANN0001"), ANN),
    ("by e-mail, where it gives none", User("T", "U777", "Ben@Example.com"), BEN),
    ("an e-mail that belongs to another id", User("T", "U777", "lee@example.com"), None),
    ("nobody", User("T", "U777", "zoe@example.com"), None),
    ("nobody, without an e-mail", User("T", "U777"), None),
]


@pytest.mark.parametrize(("user", "person"), [case[1:] for case in PEOPLE], ids=[case[0] for case in PEOPLE])
def test_who_a_slack_user_is(user: User, person: Owner | None) -> None:
    assert person_of(BOOK, DIRECTORY, user) == person


#: Person, owner of the deal, as what they may act.
ROLES = [
    (ANN, ANN, (Role.OWNER,)),
    (LEE, ANN, (Role.LEAD,)),
    (LEE, LEE, (Role.OWNER,)),
    (BEN, ANN, ()),
    (ANN, LEE, ()),
    (OPS, ANN, (Role.REVOPS,)),
    (OPS, None, (Role.REVOPS,)),
    (ANN, None, ()),
    (LEE, GUS, ()),
]


@pytest.mark.parametrize(("person", "owner", "held"), ROLES)
def test_as_what_a_person_acts(person: Owner, owner: Owner | None, held: tuple[Role, ...]) -> None:
    assert roles(BOOK, DIRECTORY, person, owner) == held


@pytest.mark.parametrize("kind", ActionKind)
@pytest.mark.parametrize("role", Role)
def test_an_exception_is_a_manager_s_and_the_rest_is_everybody_s_of_the_deal(kind: ActionKind, role: Role) -> None:
    by = acting(kind, User("T", "U0ANN0001"), ANN, (role,))
    may = kind is not ActionKind.OVERRIDE or role is not Role.OWNER
    assert (by is not None) is may is (role in MAY[kind])
    if by is not None:
        assert (by.team_id, by.user_id, by.name, by.role) == ("T", "U0ANN0001", "Ann Example", role)


def test_nobody_acts_without_a_role() -> None:
    assert all(acting(kind, User("T", "U"), ANN, ()) is None for kind in ActionKind)


def test_who_is_revops_is_one_of_the_owners() -> None:
    people = "\nowners:\n- {name: Rita Ops, slack: U0RITA001}\nrevops: [Rita Ops]\n"
    assert load(default_text() + people, "x.yaml").playbook.revops == ("Rita Ops",)
    with pytest.raises(PlaybookError, match="no owner is named 'Zoe'"):
        load(default_text() + people.replace("[Rita Ops]", "[Zoe]"), "x.yaml")
