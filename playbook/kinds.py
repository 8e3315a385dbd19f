"""The numbers and switches of every kind of signal. Each default has its source in the catalogue.

Days and hours are of 24 hours unless a name says business.
"""

from __future__ import annotations

from pydantic import Field

from playbook.parts import Days, FieldName, Name, Part
from topics.signals import Kind

#: How many completed dwells a learned limit needs (signals.md).
MIN_N = 30


class Scope(Part):
    """Where a kind is switched off: any match is enough."""

    pipelines: tuple[Name, ...] = ()
    stages: tuple[Name, ...] = ()
    segments: tuple[Name, ...] = ()
    teams: tuple[Name, ...] = ()


class Switch(Part):
    """What every kind has."""

    enabled: bool = True
    off_for: Scope = Scope()


class Plain(Switch):
    """A kind with a switch and no number."""


class Overstay(Switch):
    """The learned quantile, else the stage's fixed days; default 30 days where the stage is silent (signals.md).

    A quantile that the curve does not reach gives no limit. Fixed days warn and never more.
    """

    days: Days = 30.0
    learned: bool = Field(default=True, description="whether learned quantiles go before fixed days")
    warning_quantile: float = Field(default=0.9, gt=0, lt=1)
    critical_quantile: float = Field(default=0.975, gt=0, lt=1)
    min_n: int = Field(default=MIN_N, ge=1)


class Cycle(Switch):
    """The limit is the segment's corridor, else `days`, else the learned quantile of won cycles; None: no limit."""

    days: Days | None = None
    learned: bool = True
    quantile: float = Field(default=0.9, gt=0, lt=1)
    min_n: int = Field(default=MIN_N, ge=1)


class Skipped(Switch):
    """Over when the stage is entered, or by itself."""

    expires_days: Days = 14.0


class Bounced(Switch):
    """The 2nd entry into a stage warns, the 3rd is critical; A, B, A within `edit_minutes` is one edit."""

    warning_entries: int = Field(default=2, ge=2)
    critical_entries: int = Field(default=3, ge=2)
    edit_minutes: float = Field(default=15.0, ge=0, le=1440)
    expires_days: Days = 14.0


class Parked(Switch):
    """From the 3rd stage on; advances within the grace are one, and a contact within it still counts."""

    from_stage: int = Field(default=3, ge=2, description="the first stage that is judged, counted from 1")
    grace_hours: float = Field(default=24.0, ge=0, le=8760)


class ContactGap(Switch):
    """Default 30 days (seed 002); a stage's `contact_days` goes before. A plan counts at most 30 days ahead."""

    days: Days = 30.0
    plan_days: Days = 30.0


class Silent(Switch):
    """Gong: 7 days in late stages (a stage's `silent_days`), 14 else."""

    days: Days = 14.0
    min_outbound: int = Field(default=2, ge=1)
    plan_days: Days = 30.0


class NextMeeting(Switch):
    """From the 3rd stage on."""

    from_stage: int = Field(default=3, ge=1, description="the first stage that is judged, counted from 1")
    business_days: float = Field(default=2.0, ge=0, le=365)


class SingleThreaded(Switch):
    """At or over the amount in base currency (Doogit: 100,000), from SQL on or once the deal is so old."""

    min_contacts: int = Field(default=2, ge=2)
    window_days: float = Field(default=60.0, gt=0, le=60, description="contacts of 60 days are kept, no more")
    min_amount: float = Field(default=100_000.0, ge=0)
    min_age_days: Days = 14.0


class Stalled(Switch):
    """After a handover the new owner speaks to the buyer within two business days."""

    business_days: float = Field(default=2.0, ge=0, le=365)


class Gate(Switch):
    """Criteria are judged this long after the entry, since sources send one field at a time."""

    settle_seconds: float = Field(default=60.0, ge=0, le=86400)


class Junk(Switch):
    """A required field that holds a placeholder, or the owner's same text on several deals."""

    placeholders: tuple[str, ...] = Field(
        default=("n/a", "na", "none", "null", "tbd", "tbc", "todo", "test", "asdf", "qwerty", "unknown", "-", "?"),
        description="compared without case and outer space; a run of one character counts, too",
    )
    min_repeats: int = Field(default=3, ge=2, le=10, description="the owner's same text on so many open deals")
    fields: tuple[FieldName, ...] = Field(default=(), description="looked at beside the stages' required fields")
    repeated: tuple[FieldName, ...] = Field(default=("next_step",), description="texts that are compared across deals")


class Incomplete(Switch):
    """The fields that the next team needs: once won, and once handed over."""

    won_fields: tuple[FieldName, ...] = ()
    handover_fields: tuple[FieldName, ...] = ()


class Pushes(Switch):
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


class ParkedDate(Switch):
    """Further out than max(270 d (Doogit), 1.5 x the segment's corridor)."""

    days: Days = 270.0
    corridor_factor: float = Field(default=1.5, gt=0, le=100)


class WishfulDate(Switch):
    """Sooner after the stage's entry than the fastest quarter of won deals needed from there."""

    quantile: float = Field(default=0.25, gt=0, lt=1)
    min_n: int = Field(default=MIN_N, ge=1)


class Category(Switch):
    """A category that the stage does not allow (`forecast`, Doogit H5), or a commitment without a next step."""

    commit: tuple[Name, ...] = Field(default=("Commit",), description="the categories that need a valid next step")
    order: tuple[Name, ...] = Field(
        default=("Omitted", "Omit", "Not Forecasted", "Pipeline", "Best Case", "Most Likely", "Commit", "Closed"),
        description="from the weakest to the strongest; one that is not named is not compared",
    )


class Shrunk(Switch):
    """Below the highest amount since SQL by more than so many percent."""

    percent: float = Field(default=20.0, ge=0, lt=100)
    expires_days: Days = 14.0


class NextStep(Switch):
    """Doogit: shorter than 15 characters says nothing; so does a filler phrase."""

    min_length: int = Field(default=15, ge=0, le=1000)
    fillers: tuple[str, ...] = Field(
        default=("follow up", "check in", "touch base", "circle back", "waiting for reply", "keep in touch"),
        description="compared without case, outer space and end marks",
    )
    date_field: FieldName = Field(default="next_step_date", description="an ISO day, where one is mapped")


class HighIntent(Switch):
    """One per subject and intent within this window."""

    window_hours: float = Field(default=24.0, gt=0)


class Unanswered(Switch):
    """No contact within so many business hours of a high intent."""

    business_hours: float = Field(default=4.0, gt=0, le=1000)


class Stale(Switch):
    """No change by a person and no contact for so long: proposes to close."""

    days: Days = 90.0


class Reopened(Switch):
    """Over by itself."""

    expires_days: Days = 14.0


class Unowned(Switch):
    """No owner, or an inactive one, for so long."""

    days: Days = 1.0


class SignalSettings(Part):
    """The numbers and switches of every kind."""

    stage_overstay: Overstay = Overstay()
    cycle_exceeded: Cycle = Cycle()
    stage_regressed: Plain = Plain()
    stage_skipped: Skipped = Skipped()
    stage_bounced: Bounced = Bounced()
    stage_parked: Parked = Parked()
    contact_gap: ContactGap = ContactGap()
    buyer_silent: Silent = Silent()
    no_next_meeting: NextMeeting = NextMeeting()
    single_threaded: SingleThreaded = SingleThreaded()
    handoff_stalled: Stalled = Stalled()
    sql_unqualified: Plain = Plain()
    post_sql_inconsistent: Plain = Plain()
    gate_violated: Gate = Gate()
    icp_mismatch: Plain = Plain()
    junk_field: Junk = Junk()
    handoff_incomplete: Incomplete = Incomplete()
    value_unmapped: Plain = Plain()
    close_date_pushed: Pushes = Pushes()
    close_date_passed: Plain = Plain()
    close_date_parked: ParkedDate = ParkedDate()
    close_date_wishful: WishfulDate = WishfulDate()
    category_mismatch: Category = Category()
    amount_shrunk: Shrunk = Shrunk()
    next_step_stale: NextStep = NextStep()
    high_intent: HighIntent = HighIntent()
    intent_unanswered: Unanswered = Unanswered()
    stale_deal: Stale = Stale()
    reopened: Reopened = Reopened()
    unowned: Unowned = Unowned()

    def of(self, kind: Kind) -> Switch:
        """The settings of one kind."""
        part: Switch = getattr(self, kind.value)
        return part
