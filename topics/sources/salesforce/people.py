"""Salesforce's User (a seller), Contact and Lead (buyers), and the tie between a converted lead and its deal.

The choices where Salesforce leaves several readings:

* A user's `team` is Department, "the company department associated with the user". `Source.fields` may say
  `User.Division: team` instead, or name a field of the customer's own. `role` is UserRoleId: an id, as UserRole has no
  change events, but one that changes when the role does.
* A deleted user is not active; users are in fact deactivated, never deleted.
* Of a buyer nothing is kept but name, e-mail, title and account. A lead's account is the one it was converted into.
* A lead that was converted into an opportunity is tied to it, so that what the lead did counts for the deal. The
  conversion is one transaction of several events, in any order: the lead's own event names all, so the tie is in it.
* Of merged contacts, leads and accounts Salesforce deletes all but one, and the delete does not name the one that is
  left (MasterRecordId is on the record in the bin, not in the event). What hung on the others is moved; where that
  comes as changes (a role's ContactId, an opportunity's AccountId) they say all there is to say.
"""

from __future__ import annotations

from functools import partial

from topics.events import PersonChanged, RelationChanged, Scalar, deal_key
from topics.silences import Silence
from topics.sources.field_values import flag, text
from topics.sources.salesforce.changes import Change
from topics.sources.salesforce.fields import Fields, Table
from topics.sources.salesforce.names import said_with_name
from topics.sources.salesforce.subjects import Read, Said, Subject, read, stamp
from topics.sources.source import Source

_TEXTS = dict.fromkeys(("email", "title", "account", "team", "role"), text)
USER = Table(
    "User",
    {"Email": "email", "IsActive": "active", "Department": "team", "UserRoleId": "role"},
    {**_TEXTS, "active": flag},
)
CONTACT = Table("Contact", {"Email": "email", "Title": "title", "AccountId": "account"}, _TEXTS)
LEAD = Table("Lead", {"Email": "email", "Title": "title", "ConvertedAccountId": "account"}, _TEXTS)

_CONVERTED_INTO = "ConvertedOpportunityId"
_CONVERTED = "Converted lead"


def users(source: Source) -> Read:
    """What the changes of this source's users become."""
    said = partial(_of_user, Fields(USER, source))
    subject = Subject(said, partial(_changed, user=True), Silence.PERSON_GAP, gone={"active": False}, back={})
    return partial(read, subject)


def contacts(source: Source) -> Read:
    """What the changes of this source's contacts become."""
    return partial(read, _buyer(CONTACT, source))


def leads(source: Source) -> Read:
    """What the changes of this source's leads become: also the tie to the deal that one was converted into."""
    return partial(read, _buyer(LEAD, source)._replace(ties=_conversion))


def _buyer(table: Table, source: Source) -> Subject:
    return Subject(partial(said_with_name, Fields(table, source)), _changed, Silence.PERSON_GAP)


def _of_user(names: Fields, change: Change) -> Said:
    fields, dirt = said_with_name(names, change)
    if fields.get("active") is None:  # a user is active or is not
        fields.pop("active", None)
    return fields, dirt


def _changed(change: Change, record: str, fields: dict[str, Scalar], *, user: bool = False) -> PersonChanged:
    return PersonChanged(**stamp(change, record), person=record, fields=fields, user=user)


def _conversion(change: Change, record: str) -> tuple[RelationChanged, ...]:
    """A lead that became a deal. The tie is a record of ours, so it has an id of its own beside the lead's."""
    deal = text(_CONVERTED_INTO, change.values.get(_CONVERTED_INTO))
    if not deal:
        return ()
    source, tie = change.source_key, f"{record}-{_CONVERTED_INTO}"
    fields: dict[str, Scalar] = {"deal": deal_key(source, deal), "person": deal_key(source, record), "role": _CONVERTED}
    return (RelationChanged(**stamp(change, tie), relation=tie, fields=fields),)
