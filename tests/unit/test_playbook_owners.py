"""Who is meant by what a CRM calls an owner."""

from __future__ import annotations

import pytest

from playbook.model import Owner
from playbook.owners import Directory

ANA = Owner(name="Ana Silva", ids=("005A", "ana@old.example"), email="Ana@example.com", lead="Bo Lind")
BO = Owner(name="Bo Lind", ids=("005B",), email="bo@example.com", lead="Cy")
CY = Owner(name="Cy")
DIRECTORY = Directory((ANA, BO, CY))

CASES = [
    ("an id", "005A", ANA),
    ("an id with space around it", " 005A ", ANA),
    ("an id in other letters is another id", "005a", None),
    ("a name", "Bo Lind", BO),
    ("a name in other letters is another name", "bo lind", None),
    ("an e-mail", "Ana@example.com", ANA),
    ("an e-mail in other letters", "ANA@EXAMPLE.COM", ANA),
    ("an e-mail that stands among the ids", "ana@old.example", ANA),
    ("nobody known", "005Z", None),
    ("an empty field", "", None),
    ("blanks", "  ", None),
    ("no owner at all", None, None),
]


@pytest.mark.parametrize(("reference", "owner"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_find(reference: str | None, owner: Owner | None) -> None:
    assert DIRECTORY.find(reference) is owner


@pytest.mark.parametrize(("owner", "lead"), [(ANA, BO), (BO, CY), (CY, None)])
def test_lead(owner: Owner, lead: Owner | None) -> None:
    assert DIRECTORY.lead(owner) is lead


def test_a_lead_whom_the_playbook_does_not_know_is_nobody() -> None:
    alone = Directory((ANA,))
    assert alone.lead(ANA) is None
