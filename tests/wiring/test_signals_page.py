"""docs/signals.md names every kind once, with its family, and nothing that the playbook does not know."""

from __future__ import annotations

import re
from pathlib import Path

from playbook.kinds import SignalSettings
from playbook.model import Stage
from topics.signals import FAMILY, Family, Kind, Resolution

PAGE = (Path(__file__).parents[2] / "docs" / "signals.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (?:\*\*(?P<family>\w+)\*\*|`(?P<kind>\w+)`) \|", re.MULTILINE)


def test_every_kind_has_its_row_under_its_family_in_the_order_of_the_catalogue() -> None:
    found: list[tuple[Family, Kind]] = []
    family = Family.PACE
    for row in ROW.finditer(PAGE):
        if row["family"]:
            family = Family(row["family"])
        else:
            found.append((family, Kind(row["kind"])))
    assert found == [(FAMILY[kind], kind) for kind in Kind]


def test_every_reason_of_an_end_is_named() -> None:
    assert {one.value for one in Resolution} <= set(re.findall(r"`(\w+)`", PAGE))


def test_the_days_that_it_names_are_the_defaults() -> None:
    settings = SignalSettings()
    defaults = {
        Kind.CONTACT_GAP: f"{settings.contact_gap.days:g} days",
        Kind.BUYER_SILENT: f"{settings.buyer_silent.days:g} days",
        Kind.SINGLE_THREADED: f"{settings.single_threaded.min_amount:,.0f}",
        Kind.NO_NEXT_MEETING: f"{settings.no_next_meeting.business_days:g} business days",
        Kind.CLOSE_DATE_PARKED: f"{settings.close_date_parked.days:g} days",
        Kind.CLOSE_DATE_PUSHED: f"{settings.close_date_pushed.expires_days:g} days",
        Kind.AMOUNT_SHRUNK: f"{settings.amount_shrunk.percent:g} %",
        Kind.NEXT_STEP_STALE: f"{settings.next_step_stale.min_length} characters",
        Kind.INTENT_UNANSWERED: f"{settings.intent_unanswered.business_hours:g} business hours",
        Kind.STALE_DEAL: f"{settings.stale_deal.days:g} days",
        Kind.STAGE_OVERSTAY: f"p{settings.stage_overstay.critical_quantile * 100:g} C",
    }
    for kind, default in defaults.items():
        (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{kind.value}` |")]
        assert default in row, kind


def test_the_names_of_a_stage_that_it_uses_exist() -> None:
    assert {"max_days", "contact_days", "silent_days", "entry", "exit", "required_fields", "forecast"} <= set(
        Stage.model_fields
    )
