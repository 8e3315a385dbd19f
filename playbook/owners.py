"""Who is meant: from what a CRM calls an owner (id, name or e-mail) to the playbook's owner, and to their lead."""

from __future__ import annotations

from collections.abc import Iterable

from playbook.model import Owner


class Directory:
    """The owners of a playbook, looked up by any of their names. Built once; a look-up is one or two dict reads.

    Ids and names match exactly, e-mails without regard to case. `playbook.load` refuses a file in which one name means
    two owners, so the order of the file decides nothing.
    """

    __slots__ = ("_by_email", "_by_name", "_leads")

    def __init__(self, owners: Iterable[Owner]) -> None:
        known = tuple(owners)
        by_own_name = {owner.name: owner for owner in known}
        self._by_name = by_own_name | {each: owner for owner in known for each in owner.ids}
        self._by_email = {owner.email.casefold(): owner for owner in known if owner.email}
        self._leads = {owner.name: by_own_name.get(owner.lead) for owner in known if owner.lead}

    def find(self, reference: str | None) -> Owner | None:
        """The owner whom this id, name or e-mail means; None for nobody known."""
        if not reference:
            return None
        text = reference.strip()
        return self._by_name.get(text) or self._by_email.get(text.casefold())

    def lead(self, owner: Owner) -> Owner | None:
        """Whom this owner reports to; None where the playbook names nobody."""
        return self._leads.get(owner.name)
