"""The playbook as values. One file defines what everything else reads: stages, SQL, ICP, corridors, responses.

Every number here has its source in the catalogue of signals; every one can be changed in the file.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from playbook.alerting import Alerts
from playbook.fields import FieldType
from playbook.hours import Calendar
from playbook.kinds import SignalSettings
from playbook.parts import Days, Expression, FieldName, Name, Part, Slug
from topics.signals import Kind, Severity


class Outcome(StrEnum):
    """Whether a deal in this stage is still open."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


class Criterion(Part):
    """One condition, in CEL over the deal's fields. True, false or unknown."""

    name: Name
    when: Expression


class Stage(Part):
    """One stage. Its order is its place in the list."""

    name: Name
    values: tuple[Name, ...] = Field(default=(), description="what the CRMs call it, beside its name")
    outcome: Outcome = Outcome.OPEN
    required: bool = True
    max_days: Days | None = Field(default=None, description="stage_overstay's limit; 30 where silent")
    contact_days: Days | None = Field(default=None, description="contact_gap's limit in this stage")
    silent_days: Days | None = Field(default=None, description="buyer_silent's limit in this stage")
    forecast: tuple[Name, ...] = Field(default=(), description="the forecast categories that this stage allows")
    entry: tuple[Criterion, ...] = ()
    exit: tuple[Criterion, ...] = ()
    required_fields: tuple[FieldName, ...] = Field(default=(), description="must be filled when the stage is entered")


class Pipeline(Part):
    """An ordered list of stages, and which of them makes a deal an SQL."""

    name: Name
    values: tuple[Name, ...] = Field(
        default=(), description="values of the deal's pipeline field; none: any other value"
    )
    stages: tuple[Stage, ...] = Field(min_length=1)
    sql_stage: Name | None = Field(
        default=None, description="a deal in this stage or a later open one is sales-qualified"
    )


class Segment(Part):
    """A predicate over the deal's fields; the first that is true wins. Its corridor is the longest normal cycle."""

    name: Name
    when: Expression | None = Field(default=None, description="none: every deal")
    cycle_days: Days | None = Field(default=None, description="cycle_exceeded's limit")


class Sql(Part):
    """The binary fields that a sales-qualified deal must have true."""

    fields: tuple[FieldName, ...] = ()


class Intent(Part):
    """What a buyer does that wants an answer at once, in CEL over the engagement: `kind` and `data`."""

    name: Slug
    when: Expression
    route: Slug | None = Field(default=None, description="the routing topic is route.<this>")


class Route(Part):
    """Which high intents go to the routing topic route.<name>, beside those that name it themselves.

    `when` is CEL over `intent` (its name), `event` (the engagement's `kind` and data) and `deal` (id, name, owner,
    team, pipeline, stage, segment, amount, currency; empty for an intent without a deal).
    """

    name: Slug
    intents: tuple[Slug, ...] = Field(default=(), description="of which intents; none: of all")
    when: Expression | None = None


class Owner(Part):
    """A person who owns deals or leads those who do."""

    name: Name
    ids: tuple[Name, ...] = Field(default=(), description="how the CRMs call them")
    slack: str | None = Field(default=None, pattern=r"^[UW][A-Z0-9]{2,}$")
    email: str | None = Field(default=None, pattern=r"^[^@\s]+@[^@\s]+$")
    timezone: str | None = None
    calendar: Name | None = Field(default=None, description="the name of a calendar, before the team's")
    team: Name | None = None
    lead: Name | None = Field(default=None, description="the name of another owner")


class Audience(StrEnum):
    """Whom a response protocol tells."""

    OWNER = "owner"
    LEAD = "lead"
    REVOPS = "revops"
    NOBODY = "nobody"


class Response(Part):
    """What to do when a kind opens: who is told, what the next action is, within what time something must change.

    The time counts from the message and is business time of who was told: from a day on in business days, else in
    business hours. When it is over and nobody has said a word, the next of `then` is told: upwards only.
    """

    tell: tuple[Audience, ...] = (Audience.OWNER,)
    then: tuple[Audience, ...] = (Audience.LEAD, Audience.REVOPS)
    action: str = Field(default="", max_length=300)
    within_hours: float | None = Field(default=None, gt=0)
    wake: bool = Field(default=False, description="told outside the working hours, too")


class Hygiene(Part):
    """What an open deviation takes from an owner's hygiene score of 100, by its severity; per open deal."""

    info: float = Field(default=2.0, ge=0, le=100)
    warning: float = Field(default=10.0, ge=0, le=100)
    critical: float = Field(default=25.0, ge=0, le=100)

    def of(self, severity: Severity) -> float:
        """The weight of one deviation."""
        weight: float = getattr(self, severity.value)
        return weight


#: Whom a kind tells where the playbook has no response to it: the owner, but for what is RevOps' own business.
_TOLD = dict.fromkeys((Kind.ICP_MISMATCH, Kind.VALUE_UNMAPPED), (Audience.REVOPS,))


class Playbook(Part):
    """Everything that is defined. `version` says which form of this file it is."""

    version: Literal[1] = 1
    name: Name
    timezone: str = "UTC"
    fiscal_year_starts: int = Field(default=1, ge=1, le=12, description="the month")
    crm_url: str | None = Field(
        default=None, pattern=r"^https://[^\s]+$", description="links lead only under this address; {id} is the deal's"
    )
    fields: dict[FieldName, FieldType | Annotated[tuple[Name, ...], Field(min_length=1)]] = Field(
        default_factory=dict, description="the types of the deal's fields in criteria; a list: the texts it may hold"
    )
    pipelines: tuple[Pipeline, ...] = Field(min_length=1)
    segments: tuple[Segment, ...] = ()
    sql: Sql = Sql()
    icp: tuple[Criterion, ...] = ()
    intents: tuple[Intent, ...] = ()
    routes: tuple[Route, ...] = ()
    owners: tuple[Owner, ...] = ()
    calendars: tuple[Calendar, ...] = ()
    fallback_channel: str | None = Field(default=None, description="the Slack channel for what has no owner")
    revops_channel: str | None = None
    revops: tuple[Name, ...] = Field(
        default=(), description="owners, by their names, who may act on every deal's alerts and make exceptions"
    )
    responses: dict[Kind, Response] = Field(default_factory=dict)
    alerts: Alerts = Alerts()
    signals: SignalSettings = SignalSettings()
    hygiene: Hygiene = Hygiene()

    def response(self, kind: Kind) -> Response:
        """What to do when a kind opens."""
        return self.responses.get(kind) or Response(tell=_TOLD.get(kind, (Audience.OWNER,)))

    @property
    def route_names(self) -> tuple[str, ...]:
        """The routes that intents name themselves and those of the rules, each once."""
        named = [intent.route for intent in self.intents if intent.route is not None]
        return tuple(dict.fromkeys([*named, *(route.name for route in self.routes)]))
