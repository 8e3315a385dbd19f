"""The playbook as values. One file defines what everything else reads: stages, SQL, ICP, corridors, responses.

Every number here has its source in the catalogue of signals; every one can be changed in the file.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from topics.signals import Kind

Name = Annotated[str, StringConstraints(min_length=1, max_length=120, strip_whitespace=True)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,59}$")]
FieldName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,79}$")]
Expression = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Days = Annotated[float, Field(gt=0, le=3650)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Outcome(StrEnum):
    """Whether a deal in this stage is still open."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


class Criterion(_Part):
    """One condition, in CEL over the deal's fields. True, false or unknown."""

    name: Name
    when: Expression


class Stage(_Part):
    """One stage. Its order is its place in the list."""

    name: Name
    values: tuple[Name, ...] = Field(default=(), description="what the CRMs call it, beside its name")
    outcome: Outcome = Outcome.OPEN
    required: bool = True
    max_days: Days | None = Field(default=None, description="stage_overstay's limit; 30 where silent")
    contact_days: Days | None = Field(default=None, description="contact_gap's limit in this stage")
    forecast: tuple[Name, ...] = Field(default=(), description="the forecast categories that this stage allows")
    entry: tuple[Criterion, ...] = ()
    exit: tuple[Criterion, ...] = ()
    required_fields: tuple[FieldName, ...] = Field(default=(), description="must be filled when the stage is entered")


class Pipeline(_Part):
    """An ordered list of stages, and which of them makes a deal an SQL."""

    name: Name
    values: tuple[Name, ...] = Field(
        default=(), description="values of the deal's pipeline field; none: any other value"
    )
    stages: tuple[Stage, ...] = Field(min_length=1)
    sql_stage: Name | None = Field(
        default=None, description="a deal in this stage or a later open one is sales-qualified"
    )


class Segment(_Part):
    """A predicate over the deal's fields; the first that is true wins. Its corridor is the longest normal cycle."""

    name: Name
    when: Expression | None = Field(default=None, description="none: every deal")
    cycle_days: Days | None = Field(default=None, description="cycle_exceeded's limit")


class Sql(_Part):
    """The binary fields that a sales-qualified deal must have true."""

    fields: tuple[FieldName, ...] = ()


class Intent(_Part):
    """What a buyer does that wants an answer at once, in CEL over the engagement: `kind` and `data`."""

    name: Slug
    when: Expression
    route: Slug | None = Field(default=None, description="the routing topic is route.<this>")


class Owner(_Part):
    """A person who owns deals or leads those who do."""

    name: Name
    ids: tuple[Name, ...] = Field(default=(), description="how the CRMs call them")
    slack: str | None = Field(default=None, pattern=r"^[UW][A-Z0-9]{2,}$")
    email: str | None = Field(default=None, pattern=r"^[^@\s]+@[^@\s]+$")
    timezone: str | None = None
    team: Name | None = None
    lead: Name | None = Field(default=None, description="the name of another owner")


class Audience(StrEnum):
    """Whom a response protocol tells."""

    OWNER = "owner"
    LEAD = "lead"
    REVOPS = "revops"
    NOBODY = "nobody"


class Response(_Part):
    """What to do when a kind opens: who is told, what the next action is, within what time something must change."""

    tell: tuple[Audience, ...] = (Audience.OWNER,)
    action: str = Field(default="", max_length=300)
    within_hours: float | None = Field(default=None, gt=0)


class Scope(_Part):
    """Where a kind is switched off: any match is enough."""

    pipelines: tuple[Name, ...] = ()
    stages: tuple[Name, ...] = ()
    segments: tuple[Name, ...] = ()
    teams: tuple[Name, ...] = ()


class _Switch(_Part):
    enabled: bool = True
    off_for: Scope = Scope()


class Overstay(_Switch):
    """Default 30 days where the stage is silent (signals.md)."""

    days: Days = 30.0


class ContactGap(_Switch):
    """Default 30 days (seed 002); a stage's `contact_days` goes before. A plan counts at most 30 days ahead."""

    days: Days = 30.0
    plan_days: Days = 30.0


class Cycle(_Switch):
    """The limit is the segment's corridor; this one is for segments that have none. None: no limit."""

    days: Days | None = None


class Gate(_Switch):
    """Criteria are judged this long after the entry, since sources send one field at a time."""

    settle_seconds: float = Field(default=60.0, ge=0, le=86400)


class Pushes(_Switch):
    """Pushes of `min_days` or more in a rolling window.

    Pillar: 2 warn, 3 are critical. Doogit: one of 21 d, or 45 d in sum, warns.
    """

    min_days: int = Field(default=3, ge=1)
    window_days: Days = 90.0
    warning_count: int = Field(default=2, ge=1)
    critical_count: int = Field(default=3, ge=1)
    single_days: int = Field(default=21, ge=1)
    sum_days: int = Field(default=45, ge=1)
    expires_days: Days = 14.0


class HighIntent(_Switch):
    """One per subject and intent within this window."""

    window_hours: float = Field(default=24.0, gt=0)


class Plain(_Switch):
    """A kind with a switch and no number."""


class SignalSettings(_Part):
    """The numbers and switches of every kind."""

    stage_overstay: Overstay = Overstay()
    contact_gap: ContactGap = ContactGap()
    cycle_exceeded: Cycle = Cycle()
    sql_unqualified: Plain = Plain()
    post_sql_inconsistent: Plain = Plain()
    gate_violated: Gate = Gate()
    stage_regressed: Plain = Plain()
    close_date_pushed: Pushes = Pushes()
    high_intent: HighIntent = HighIntent()

    def of(self, kind: Kind) -> _Switch:
        """The settings of one kind."""
        part: _Switch = getattr(self, kind.value)
        return part


class Playbook(_Part):
    """Everything that is defined. `version` says which form of this file it is."""

    version: Literal[1] = 1
    name: Name
    timezone: str = "UTC"
    fiscal_year_starts: int = Field(default=1, ge=1, le=12, description="the month")
    crm_url: str | None = Field(
        default=None, pattern=r"^https://[^\s]+$", description="links lead only under this address; {id} is the deal's"
    )
    pipelines: tuple[Pipeline, ...] = Field(min_length=1)
    segments: tuple[Segment, ...] = ()
    sql: Sql = Sql()
    icp: tuple[Criterion, ...] = ()
    intents: tuple[Intent, ...] = ()
    owners: tuple[Owner, ...] = ()
    fallback_channel: str | None = Field(default=None, description="the Slack channel for what has no owner")
    revops_channel: str | None = None
    responses: dict[Kind, Response] = {}
    signals: SignalSettings = SignalSettings()
