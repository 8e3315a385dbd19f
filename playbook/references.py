"""What must hold across a playbook: names name something, expressions compile, nothing is out of reach.

One function per rule, listed in CHECKS; each yields (path, reason). They run over the plain values (see `sketch`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from typing import TypeAlias
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from playbook.criteria import CriterionError, Expression
from playbook.days_off import public_holidays
from playbook.fields import Declared, FieldType
from playbook.model import Audience, Outcome
from playbook.sketch import Part, whole
from playbook.typecheck import type_errors
from playbook.yamltree import Path
from topics.events import DEAL_FIELDS
from topics.signals import Kind

Finding: TypeAlias = tuple[Path, str]
Named: TypeAlias = tuple[Path, str]

#: What an intent's expression may read: the engagement's type and its attributes.
INTENT_VARIABLES = frozenset({"kind", "data"})
#: What a route's expression may read.
ROUTE_VARIABLES = frozenset({"intent", "event", "deal"})


def problems(values: object) -> list[Finding]:
    """Everything that is wrong across the file, in the order of CHECKS."""
    book = whole(values)
    return [finding for check in CHECKS for finding in check(book)]


def _expressions(book: Part) -> Iterator[Finding]:
    for part in _with_expression(book):
        source = part.text("when")
        if source is None:
            continue
        try:
            Expression(source)
        except CriterionError as error:
            yield part.at("when"), str(error)


def _with_expression(book: Part) -> Iterator[Part]:
    for _, stage in _stages(book):
        yield from stage.parts("entry")
        yield from stage.parts("exit")
    for key in ("segments", "icp", "intents", "routes"):
        yield from book.parts(key)


def _declared(book: Part) -> dict[str, Declared]:
    """The types of the fields that the playbook declares, as far as they are any."""
    found: dict[str, Declared] = {}
    for name, value in book.part("fields").values.items():
        if isinstance(value, str) and value in set(FieldType):
            found[name] = FieldType(value)
        elif isinstance(value, list):
            found[name] = tuple(str(one) for one in value)
    return found


def _over_deals(book: Part) -> Iterator[tuple[Path, Expression]]:
    """The expressions over a deal's fields, as far as they compile."""
    for part in _with_expression(book):
        source = part.text("when")
        if source is None or part.path[0] in ("intents", "routes"):
            continue
        try:
            yield part.at("when"), Expression(source)
        except CriterionError:
            continue


def _types(book: Part) -> Iterator[Finding]:
    declared = _declared(book)
    if not declared:
        return
    for path, expression in _over_deals(book):
        for error in type_errors(expression.source, expression.references, declared):
            yield path, error
    for path, name in book.part("sql").texts("fields"):
        if declared.get(name, FieldType.YES_NO) is not FieldType.YES_NO:
            yield path, f"{name!r} is not declared as yes_no"


def _field_names(book: Part) -> Iterator[Finding]:
    """Where a playbook declares its own fields, a name that is neither declared nor one of ours is a slip."""
    declared = _declared(book)
    if not declared:
        return
    known = {*DEAL_FIELDS, *declared}
    for path, name in _named_fields(book):
        if name not in known and not name.startswith(_OF_OTHERS):
            near = get_close_matches(name, known, 1)
            hint = f"; is it {near[0]!r}?" if near else ""
            yield path, f"no field is named {name!r}: it is neither declared under fields nor one of ours{hint}"


#: The fields of a deal's account and owner stand among its own under these.
_OF_OTHERS = ("account_", "owner_")


def _named_fields(book: Part) -> Iterator[Named]:
    for path, expression in _over_deals(book):
        for name in sorted(expression.references):
            yield path, name
    yield from book.part("sql").texts("fields")
    for _, stage in _stages(book):
        yield from stage.texts("required_fields")
    signals = book.part("signals")
    for kind, lists in _LISTS_OF_FIELDS.items():
        for each in lists:
            yield from signals.part(kind.value).texts(each)


_LISTS_OF_FIELDS = {
    Kind.JUNK_FIELD: ("fields", "repeated"),
    Kind.HANDOFF_INCOMPLETE: ("won_fields", "handover_fields"),
}


def _never_to_the_owner(book: Part) -> Iterator[Finding]:
    """What is for a report only (signals.md) is not told to the owner, who is told where a response names nobody."""
    responses = book.part("responses")
    response = responses.part(Kind.ICP_MISMATCH.value)
    told = [(response.path, Audience.OWNER.value)] if "tell" not in response.values else list(response.texts("tell"))
    if Kind.ICP_MISMATCH.value in responses.values:
        for path, audience in told:
            if audience == Audience.OWNER.value:
                yield path, "the owner is never told of this kind: tell revops, lead or nobody"


def _intent_variables(book: Part) -> Iterator[Finding]:
    for intent in book.parts("intents"):
        try:
            reads = Expression(intent.text("when") or "true").references
        except CriterionError:
            continue
        for name in sorted(reads - INTENT_VARIABLES):
            yield intent.at("when"), f"an intent reads `kind` and `data` only, not `{name}`"


def _routes(book: Part) -> Iterator[Finding]:
    yield from _repeated("route", _names(book.parts("routes")))
    known = {intent.text("name") for intent in book.parts("intents")}
    for route in book.parts("routes"):
        for path, name in route.texts("intents"):
            if name not in known:
                yield path, f"no intent is named {name!r}"
        try:
            reads = Expression(route.text("when") or "true").references
        except CriterionError:
            continue
        for name in sorted(reads - ROUTE_VARIABLES):
            yield route.at("when"), f"a route reads `intent`, `event` and `deal` only, not `{name}`"


def _pipelines(book: Part) -> Iterator[Finding]:
    pipelines = book.parts("pipelines")
    named = [each for one in pipelines for each in _unlike([*_names([one]), *one.texts("values")])]
    yield from _repeated("pipeline name or value", named)
    rest = [pipeline for pipeline in pipelines if not pipeline.values.get("values")]
    for pipeline in rest[1:]:
        yield pipeline.path, f"cannot be reached: {rest[0].text('name')!r} already takes every other pipeline value"


def _stage_names(book: Part) -> Iterator[Finding]:
    for pipeline in book.parts("pipelines"):
        stages = pipeline.parts("stages")
        named = [each for one in stages for each in _unlike([*_names([one]), *one.texts("values")])]
        yield from _repeated("stage name or value", named)


def _outcomes(book: Part) -> Iterator[Finding]:
    for pipeline in book.parts("pipelines"):
        outcomes = {stage.text("outcome") or Outcome.OPEN.value for stage in pipeline.parts("stages")}
        if not outcomes <= set(Outcome):
            continue  # a misspelt outcome may be the one that is missing
        for outcome in Outcome:
            if outcome.value not in outcomes:
                yield pipeline.at("stages"), f"no stage with the outcome {outcome.value}"


def _sql_stages(book: Part) -> Iterator[Finding]:
    for pipeline in book.parts("pipelines"):
        wanted = pipeline.text("sql_stage")
        if wanted is None:
            continue
        stages = {stage.text("name"): stage for stage in pipeline.parts("stages")}
        if wanted not in stages:
            yield pipeline.at("sql_stage"), f"no stage of this pipeline is named {wanted!r}"
        elif stages[wanted].values.get("outcome", Outcome.OPEN.value) != Outcome.OPEN.value:
            yield pipeline.at("sql_stage"), f"{wanted!r} is not an open stage"


def _criteria_names(book: Part) -> Iterator[Finding]:
    yield from _repeated("criterion", _names(book.parts("icp")))
    for _, stage in _stages(book):
        for key in ("entry", "exit"):
            yield from _repeated("criterion", _names(stage.parts(key)))


def _segments(book: Part) -> Iterator[Finding]:
    segments = book.parts("segments")
    yield from _repeated("segment", _names(segments))
    takes_all: str | None = None
    for segment in segments:
        if takes_all is not None:
            yield segment.path, f"cannot be reached: {takes_all!r} before it takes every deal"
        elif segment.values.get("when") is None:
            takes_all = segment.text("name") or "a segment"


def _intents(book: Part) -> Iterator[Finding]:
    yield from _repeated("intent", _names(book.parts("intents")))


def _owners(book: Part) -> Iterator[Finding]:
    owners = book.parts("owners")
    yield from _repeated("owner", [each for owner in owners for each in _unlike(_meant_by(owner))])
    names = {name for _, name in _names(owners)}
    leads = {owner.text("name"): owner.text("lead") for owner in owners}
    for owner in owners:
        lead = owner.text("lead")
        if lead is not None and lead not in names:
            yield owner.at("lead"), f"no owner is named {lead!r}"
        elif _leads_back(owner.text("name"), leads):
            yield owner.at("lead"), "leads in a circle back to the owner"
    yield from ((path, f"no owner is named {name!r}") for path, name in book.texts("revops") if name not in names)


def _meant_by(owner: Part) -> Iterator[Named]:
    yield from _names([owner])
    yield from owner.texts("ids")
    email = owner.text("email")
    if email:
        yield owner.at("email"), email.casefold()


def _leads_back(name: str | None, leads: dict[str | None, str | None]) -> bool:
    seen: set[str | None] = set()
    lead = leads.get(name)
    while lead is not None and lead not in seen:
        if lead == name:
            return True
        seen.add(lead)
        lead = leads.get(lead)
    return False


def _zones(book: Part) -> Iterator[Finding]:
    for part in (book, *book.parts("owners"), *book.parts("calendars")):
        zone = part.text("timezone")
        if zone is not None and not _is_zone(zone):
            yield part.at("timezone"), f"no time zone is named {zone!r}; write it like Europe/Paris"


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _calendars(book: Part) -> Iterator[Finding]:
    calendars = book.parts("calendars")
    yield from _repeated("calendar", _names(calendars))
    yield from _repeated("team with a calendar", [each for one in calendars for each in one.texts("teams")])
    pipelines = [each for one in calendars for each in one.texts("pipelines")]
    yield from _repeated("pipeline with a calendar", pipelines)
    known = {name for _, name in _names(book.parts("pipelines"))}
    for path, name in pipelines:
        if name not in known:
            yield path, f"no pipeline is named {name!r}"


def _whose_calendars(book: Part) -> Iterator[Finding]:
    calendars, owners = book.parts("calendars"), book.parts("owners")
    names = {name for _, name in _names(calendars)}
    for owner in owners:
        wanted = owner.text("calendar")
        if wanted is not None and wanted not in names:
            yield owner.at("calendar"), f"no calendar is named {wanted!r}"
    wanted_by_name = {owner.text("calendar") for owner in owners}
    rest = [one for one in calendars if not one.values.get("teams") and not one.values.get("pipelines")]
    for one in rest[1:]:
        if one.text("name") not in wanted_by_name:
            yield one.path, f"nobody's: {rest[0].text('name')!r} is everybody's already, and no owner names this one"


def _holidays(book: Part) -> Iterator[Finding]:
    for calendar in book.parts("calendars"):
        country, subdivision = calendar.text("country"), calendar.text("subdivision")
        if country is None:
            if subdivision is not None:
                yield calendar.at("subdivision"), "of no country"
            continue
        try:
            public_holidays(country, subdivision)
        except ValueError as error:
            yield calendar.at("country" if subdivision is None else "subdivision"), str(error)


def _switches(book: Part) -> Iterator[Finding]:
    signals = book.part("signals")
    known = {
        "pipelines": {name for _, name in _names(book.parts("pipelines"))},
        "stages": {name for _, stage in _stages(book) for _, name in _names([stage])},
        "segments": {name for _, name in _names(book.parts("segments"))},
        "teams": {team for owner in book.parts("owners") if (team := owner.text("team")) is not None},
    }
    for kind in signals.values:
        scope = signals.part(kind).part("off_for")
        for what, names in known.items():
            for path, name in scope.texts(what):
                if name not in names:
                    yield path, f"no {what.removesuffix('s')} is named {name!r}"


def _counts(book: Part) -> Iterator[Finding]:
    pushes = book.part("signals").part("close_date_pushed")
    warning, critical = (pushes.values.get(key, default) for key, default in _PUSH_COUNTS.items())
    if isinstance(warning, int) and isinstance(critical, int) and critical < warning:
        yield pushes.at("critical_count"), f"less than warning_count, which is {warning}"


_PUSH_COUNTS = {"warning_count": 2, "critical_count": 3}


def _crm_url(book: Part) -> Iterator[Finding]:
    url = book.text("crm_url")
    if url is None:
        return
    try:
        parts = urlsplit(url)
        host, user = parts.hostname, parts.username
    except ValueError:
        host, user = None, None
    if not host or "{" in host:
        yield book.at("crm_url"), "an address without a host"
    if user is not None:
        yield book.at("crm_url"), "an address with a user name or password in it"
    if url.count("{id}") > 1 or set("{}") & set(url.replace("{id}", "", 1)):
        yield book.at("crm_url"), "the only braces allowed are one {id}"


def _stages(book: Part) -> Iterator[tuple[Part, Part]]:
    for pipeline in book.parts("pipelines"):
        for stage in pipeline.parts("stages"):
            yield pipeline, stage


def _names(parts: Iterable[Part]) -> list[Named]:
    return [(part.at("name"), name) for part in parts if (name := part.text("name")) is not None]


def _unlike(named: Iterable[Named]) -> list[Named]:
    """Each text once: an owner whose id is also their name, a stage whose value is its name, are no repeats."""
    first: dict[str, Path] = {}
    for path, name in named:
        first.setdefault(name, path)
    return [(path, name) for name, path in first.items()]


def _repeated(what: str, named: Iterable[Named]) -> Iterator[Finding]:
    seen: Counter[str] = Counter()
    for path, name in named:
        seen[name] += 1
        if seen[name] > 1:
            yield path, f"the {what} {name!r} stands twice"


CHECKS: tuple[Callable[[Part], Iterator[Finding]], ...] = (
    _expressions,
    _types,
    _field_names,
    _never_to_the_owner,
    _intent_variables,
    _routes,
    _pipelines,
    _stage_names,
    _outcomes,
    _sql_stages,
    _criteria_names,
    _segments,
    _intents,
    _owners,
    _zones,
    _calendars,
    _whose_calendars,
    _holidays,
    _switches,
    _counts,
    _crm_url,
)
