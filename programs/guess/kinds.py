"""Which kind of table a sheet seems to be, and what its columns become: rules about names, checked against values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import NamedTuple

from programs.guess.sheets import Sheet, plain_name
from programs.guess.values import Looks
from topics.sources.cells import as_text
from topics.sources.mapping_parts import ValueType

#: Our name of a deal's field: what exports call it. The first column that fits has it.
_DEAL_FIELDS = (
    ("stage", r"(deal_?|opportunity_|pipeline_|deal_pipeline_)?stage(_name|_id)?|status|phase|activity|concept_name"),
    ("amount", r"(deal_|property_|opportunity_|total_|close_)?(amount|value)|acv|tcv|arr"),
    ("close_date", r"(property_|expected_|planned_|case_)?(close_?date|deadline)"),
    ("created_at", r"(property_|case_)?(created?_?(date|at|on|time)|created|startdate)"),
    ("owner_id", r"(deal_|opportunity_|hubspot_)?owner(_id)?|sales_(agent|rep|person)|rep|([a-z]+_)*resource"),
    ("account_id", r"(account|company|organi[sz]ation)(_id)?"),
    ("name", r"(deal_?|opportunity_|property_deal)?name|title"),
    ("currency", r"(deal_)?currency(_code|_iso_code)?"),
    ("pipeline", r"(deal_)?pipeline(_id)?|record_type(_id)?"),
    ("forecast_category", r"forecast_category"),
    ("next_step", r"next_step"),
    ("type", r"(deal_|opportunity_)?type"),
    ("lead_source", r"lead_source"),
    ("removed", r"(is_)?deleted|fivetran_deleted"),
)
_PERSON_FIELDS = (
    ("name", r"(full_|property_)?name|sales_agent"),
    ("name", r"first_?name|property_firstname"),
    ("email", r"(property_)?email"),
    ("title", r"(property_)?(job_?)?title"),
    ("active", r"(is_)?active"),
    ("account", r"(account|company)_id"),
    ("removed", r"(is_)?deleted|fivetran_deleted"),
)
_ACCOUNT_FIELDS = (
    ("name", r"(account_|company_)?name|account|company"),
    ("industry", r"industry|sector"),
    ("employees", r"(number_of_)?employees"),
    ("annual_revenue", r"annual_?revenue|revenue"),
    ("country", r"(billing_)?country|office_location"),
    ("website", r"website|domain"),
    ("type", r"type"),
    ("removed", r"(is_)?deleted|fivetran_deleted"),
)
_ACTIVITY_FIELDS = (
    ("person", r"who_id|contact_id|person_id"),
    ("account", r"(account|company)_id"),
    ("owner", r"(property_hubspot_)?owner(_id)?|user_id"),
    ("done", r"is_closed|done|completed"),
    ("removed", r"(is_)?deleted|fivetran_deleted"),
)
_TIE_FIELDS = (
    ("deal", r"(deal|opportunity)_id"),
    ("activity", r"(engagement|activity|task|event)_id"),
    ("person", r"(contact|person|who)_id"),
    ("account", r"(account|company)_id"),
    ("role", r"role|category"),
)
_TYPES: Mapping[str, ValueType] = {
    "amount": ValueType.NUMBER,
    "employees": ValueType.NUMBER,
    "annual_revenue": ValueType.NUMBER,
    "close_date": ValueType.DAY,
    "created_at": ValueType.INSTANT,
    "removed": ValueType.BOOL,
    "active": ValueType.BOOL,
    "done": ValueType.BOOL,
}
_TEXTS = frozenset(
    name for fields in (_DEAL_FIELDS, _PERSON_FIELDS, _ACTIVITY_FIELDS, _TIE_FIELDS) for name, _ in fields
)

_DEAL_ID = re.compile(r"(opportunity|deal|opp|case|problem|ticket)_?(id|key|number)|case_concept_name")
_OWN_ID = re.compile(r"id|[a-z]+_id")
_SNAPSHOT = r"snapshot(_date|_at)?|as_of|exported(_at)?"
#: When a change was made, the surest first.
_CHANGED = (
    r"(fivetran|valid)_(start|from)|date_entered",
    r"(changed|modified|updated|occurred)(_at|_on|_date)?|last_modified(_date)?",
    r"(time_|event_)?(timestamp|time)",
    _SNAPSHOT,
    r"system_modstamp|fivetran_synced",
    r"date|at",
)
_HAPPENED = (
    r"end(_date)?_time|end",
    r"(property_hs_)?timestamp",
    r"activity_date(_time)?",
    r"(start(_date)?_)?time",
    r"date|at",
)
_SYNCED = (
    r"(property_)?(system_modstamp|updated_at|modified_at|fivetran_start)",
    r"(fivetran_synced|property_created_?at)",
)
#: More columns than these are somebody's whole schema: what has no name of ours is left out.
_FEW = 25
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}")


class Guess(NamedTuple):
    """A table of the mapping to be. `keys`: what stands in it beside its columns, as YAML values; `notes`: comments."""

    sheet: Sheet
    kind: str
    keys: dict[str, object]
    columns: dict[str, str]
    notes: tuple[str, ...] = ()


def guess(sheet: Sheet, others: Iterable[Sheet]) -> Guess | None:
    """What a sheet seems to be; None where nothing of it says anything of deals."""
    name = plain_name(sheet.name)
    for about, make in _BY_NAME:
        if re.search(about, name):
            found = make(sheet)
            if found is not None or make is _nothing:
                return found
    deal = _deal_id(sheet)
    if deal is None:
        return _lookup(sheet, others)
    own = _first(sheet, "id")
    if own not in (None, deal) and "history" not in name and _single_changes(sheet) is None:
        return None  # one row per thing of another kind, which names its deal: an order, a line of a quote
    return _deals(sheet)


def _merged(sheet: Sheet) -> Guess | None:
    loser, winner = _first(sheet, r"merged_(deal|opportunity)_id"), _first(sheet, r"(deal|opportunity)_id")
    when = _time(sheet, _CHANGED)
    if loser is None or winner is None or when is None:
        return None
    return Guess(sheet, "removals", {"deal": loser, "into": winner, "at": when}, {})


def _nothing(_sheet: Sheet) -> None:
    """Roles in the company, teams: what they say of an owner stands with the owners."""


def _stages(sheet: Sheet) -> Guess | None:
    """Which stages deals entered, and when."""
    deal, when = _deal_id(sheet), _time(sheet, (r"date_entered|entered(_at)?", *_CHANGED))
    stage = _first(sheet, r"value|stage(_id|_name)?|new_stage")
    if deal is None or stage is None or when is None:
        return None
    return Guess(sheet, "history", {"deal": deal, "at": when}, {stage: "stage"})


def _relation(sheet: Sheet) -> Guess | None:
    columns = _named(sheet, _TIE_FIELDS)
    ends = set(columns.values())
    if len(sheet.columns) > 10 or "deal" not in ends or not ends & {"person", "account", "activity"}:  # noqa: PLR2004 -- a table of ties is narrow
        return None
    return Guess(sheet, "relations", _dated(sheet), columns)


def _people(sheet: Sheet) -> Guess | None:
    key = _key(sheet, "id", r"(user|owner|contact|lead|person)_id", "sales_agent")
    columns = _named(sheet, _PERSON_FIELDS)
    if key is None or not columns or not _is_mostly_unique(sheet, key):
        return None
    is_user = re.search(r"user|owner|sales_(team|agent|rep)", plain_name(sheet.name)) is not None
    return Guess(sheet, "people", {"user": is_user, "person": key, **_dated(sheet)}, columns)


def _accounts(sheet: Sheet) -> Guess | None:
    key = _key(sheet, "id", r"(account|company)_id", "account|company")
    if key is None:
        return None
    columns = _named(sheet, _ACCOUNT_FIELDS)
    return Guess(sheet, "accounts", {"account": key, **_dated(sheet)}, columns)


def _activities(sheet: Sheet) -> Guess | None:
    when = _time(sheet, _HAPPENED)
    own = _key(sheet, "id", r"(engagement|activity|task|event|call|email|meeting)_id")
    deal = _first(sheet, r"what_id|(deal|opportunity)_id")
    columns = _named(sheet, _ACTIVITY_FIELDS)
    if when is None or (own is None and deal is None and not {"person", "account"} & set(columns.values())):
        return None
    keys: dict[str, object] = {"id": own, "deal": deal, "at": when}
    notes: tuple[str, ...] = ()
    if deal is not None and plain_name(deal) == "what_id":
        keys["deal_matches"] = "^006"
        notes = ("what_id: ids of opportunities begin with 006",)
    name = plain_name(sheet.name)
    channel = next((word for word in ("call", "email", "meeting", "task", "event") if word in name), None)
    constants: dict[str, object] = {"channel": "meeting" if channel == "event" else channel} if channel else {}
    if channel in {"meeting", "event"}:
        constants |= {"meets": True, "done": False}
    present = {key: value for key, value in keys.items() if value is not None}
    return Guess(sheet, "activity", present | ({"constants": constants} if constants else {}), columns, notes)


def _deals(sheet: Sheet) -> Guess | None:
    """Rows about deals: one of the kinds, by how often a deal stands there and by what is dated."""
    deal = _deal_id(sheet)
    if deal is None:
        return None
    columns = _named(sheet, _DEAL_FIELDS)
    columns.pop(deal, None)
    if sheet.dates:
        at = {"name": sheet.dates, "type": "day", "format": sheet.date_format}
        return Guess(sheet, "snapshot", {"deal": deal, "at": at}, columns)
    when = _time(sheet, _CHANGED)
    changes = None if when is None else _single_changes(sheet)
    if changes is not None:
        note = "columns: which names of properties mean what; none of them is known here"
        return Guess(sheet, "history", {"deal": deal, "at": when, "changes": changes}, {}, (note,))
    if sheet.column(deal).is_unique and "history" not in plain_name(sheet.name):
        return _one_row_each(sheet, deal, columns, when)
    return _several_rows_each(sheet, deal, columns, when)


def _single_changes(sheet: Sheet) -> dict[str, str] | None:
    """The columns of a history in which each row changes one field."""
    field = _first(sheet, r"field(_name)?|property(_name)?") or _first(sheet, "name")
    value = _first(sheet, r"(new_)?value|new")
    return None if field is None or value is None else {"field": field, "value": value}


def _several_rows_each(sheet: Sheet, deal: str, columns: dict[str, str], when: dict[str, object] | None) -> Guess:
    """A history, or snapshots below each other."""
    if when is None:
        note = "deals stand there several times, and no column says when"
        return Guess(sheet, "unsure", {"deal": deal}, columns, (note,))
    name = str(when["column"])
    columns.pop(name, None)
    kind = "snapshot" if re.fullmatch(_SNAPSHOT, plain_name(name)) else "history"
    return Guess(sheet, kind, {"deal": deal, "at": when}, columns)


def _one_row_each(sheet: Sheet, deal: str, columns: dict[str, str], when: dict[str, object] | None) -> Guess:
    """One row per deal as it stands: with dates of the past, or at the time of the export."""
    stage = next((name for name, to in columns.items() if to == "stage"), None)
    milestones = [] if stage is None else _milestones(sheet, stage)
    if milestones:
        dates = {step.column for step in milestones}
        columns = {name: to for name, to in columns.items() if name not in dates}
        steps = [step.written(sheet) for step in milestones]
        return Guess(
            sheet, "milestones", {"deal": deal, "milestones": [{**steps[0], "creates": True}, *steps[1:]]}, columns
        )
    if when is None:
        note = "a table as it stands: when was it exported? at: {constant: 2024-01-31, type: day, format: iso}"
        return Guess(sheet, "snapshot", {"deal": deal, "at": "unsure"}, columns, (note,))
    columns.pop(str(when["column"]), None)
    return Guess(sheet, "snapshot", {"deal": deal, "at": when}, columns)


class _Step(NamedTuple):
    """A column of days, and the stages that have it as their last."""

    column: str
    stages: list[str]

    def written(self, sheet: Sheet) -> dict[str, object]:
        """As the mapping wants it."""
        looks = sheet.column(self.column)
        at = {"column": self.column, "type": looks.type.value, "format": _format(looks)}
        return {"stage": self.stages[0] if len(self.stages) == 1 else self.stages, "at": at}


def _milestones(sheet: Sheet, stage: str) -> list[_Step]:
    """Columns of days that are filled as deals move on: each is the day of the stages that have it as their last."""
    days = [one for one in sheet.columns if one.is_time and one.formats and one.rows]
    filled: dict[str, set[frozenset[str]]] = {}
    for row in sheet.rows:
        at = as_text(row.get(stage) or "").strip()
        filled.setdefault(at, set()).add(frozenset(one.name for one in days if _is_filled(one, row.get(one.name))))
    if any(len(sets) != 1 for sets in filled.values()):
        return []
    steps = sorted({next(iter(sets)) for sets in filled.values()}, key=len)
    if len(steps) < 2 or any(not early < late for early, late in pairwise(steps)):  # noqa: PLR2004 -- one step is none
        return []
    made: list[_Step] = []
    for early, late in pairwise(steps if not steps[0] else [frozenset[str](), *steps]):
        if len(late - early) != 1:
            return []
        (column,) = late - early
        made.append(_Step(column, sorted(name for name, sets in filled.items() if name and late in sets)))
    return [] if any(len(step.stages) != 1 for step in made[:-1]) or not all(step.stages for step in made) else made


def _is_filled(column: Looks, cell: object) -> bool:
    text = "" if cell is None else str(cell).strip()
    return bool(text) and text not in column.nulls


def _lookup(sheet: Sheet, others: Iterable[Sheet]) -> Guess | None:
    """A small table whose key another one names."""
    deals = [other for other in others if other is not sheet and _deal_id(other) is not None]
    for column in sheet.columns:
        if column.is_unique and not column.is_time and any(_names(other, column) for other in deals):
            return Guess(sheet, "lookup", {"key": column.name}, {})
    return None


def _names(other: Sheet, key: Looks) -> bool:
    mine = set(key.values)
    return any(one.name == key.name and mine & set(one.values) for one in other.columns)


def _deal_id(sheet: Sheet) -> str | None:
    named = next((one.name for one in sheet.columns if _DEAL_ID.fullmatch(plain_name(one.name))), None)
    if named is not None or not re.search(r"opportunit|(^|_)deals?($|_)|pipeline$", plain_name(sheet.name)):
        return named
    return next((one.name for one in sheet.columns if plain_name(one.name) == "id"), None)


def _key(sheet: Sheet, *names: str) -> str | None:
    """The column that identifies a row, by the first rule about names that fits one with values."""
    return next((found for each in names if (found := _first(sheet, each)) and sheet.column(found).rows), None)


def _first(sheet: Sheet, names: str) -> str | None:
    """The first column that is called so."""
    return next((one.name for one in sheet.columns if re.fullmatch(names, plain_name(one.name))), None)


def _is_mostly_unique(sheet: Sheet, name: str) -> bool:
    column = sheet.column(name)
    return 2 * len(column.values) > column.rows


def _time(sheet: Sheet, names: Iterable[str]) -> dict[str, object] | None:
    """The column that says when, as the mapping wants it."""
    for pattern in names:
        for one in sheet.columns:
            if one.is_time and re.fullmatch(pattern, plain_name(one.name)):
                return {"column": one.name, "type": one.type.value, "format": _format(one)}
    return None


def _dated(sheet: Sheet) -> dict[str, object]:
    when = _time(sheet, _SYNCED)
    return {} if when is None else {"at": when}


def _format(looks: Looks) -> object:
    return looks.formats[0] if len(looks.formats) == 1 else list(looks.formats)


def _named(sheet: Sheet, fields: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """The columns that have a name of ours, and of a narrow table the rest under their own."""
    columns: dict[str, str] = {}
    for to, pattern in fields:
        if to in columns.values():
            continue
        for one in sheet.columns:
            if one.name not in columns and re.fullmatch(pattern, plain_name(one.name)) and _fits(to, one):
                columns[one.name] = to
                break
    own_names = fields in (_DEAL_FIELDS, _ACCOUNT_FIELDS) and len(sheet.columns) <= _FEW
    for one in sheet.columns if own_names else ():
        name = plain_name(one.name)
        taken = {*columns.values(), *(to for to, _ in fields)}
        if one.name not in columns and not one.is_time and _FIELD.fullmatch(name) and name not in taken and one.rows:
            columns[one.name] = name
    return columns


def _fits(to: str, column: Looks) -> bool:
    """Whether a column's values are of the type that our field has; an empty column is."""
    wanted = _TYPES.get(to)
    if not column.rows:
        return wanted not in (ValueType.DAY, ValueType.INSTANT)
    if wanted in (ValueType.DAY, ValueType.INSTANT):
        return column.is_time
    return wanted is None or column.type is wanted


#: What the name of a file says that it is about, and what makes a table of it where its columns agree.
_BY_NAME: tuple[tuple[str, Callable[[Sheet], Guess | None]], ...] = (
    (r"merge", _merged),
    (r"user_role|^teams?(_data)?$|owner_team", _nothing),
    (r"(deal|opportunity)_stage", _stages),
    (r"deal_contact|contact_role|deal_compan|engagement_deal|association|_role$", _relation),
    (r"task|event|call|email|meeting|engagement|activit", _activities),
    (r"(^|_)(user|owner|contact|lead|person|people|sales_team)s?($|_)", _people),
    (r"account|compan|organi[sz]ation", _accounts),
    (r"(^|_)(opportunity|opportunities|deals?)(_[a-z]*history)?(_data)?$|pipeline$", _deals),
)
