"""What a Prometheus rule is here, and the table of what is recorded. The alerts stand in `alerting.py`."""

from __future__ import annotations

from typing import NamedTuple

from boards.promql import JUDGED, UNKNOWN, count_of, met_ratio, quantile, total

#: The scrape job of the programs in deploy/prometheus.yml.
JOB = 'job="deal-signals"'
#: Below this adherence forecasts go wrong.
ICP_FLOOR = 0.7
#: A ratio over fewer deals, or entries of a team, than this says nothing.
ENOUGH = 20
#: Where two teams pass the same gate with shares so far apart, one of them has a definition of its own.
GATE_SPREAD = 0.25
#: Where the runbook of each alert stands.
RUNBOOK = "docs/operations.md"


class Recorded(NamedTuple):
    """A recording rule."""

    name: str
    expr: str


class Alert(NamedTuple):
    """An alert rule. `held` is how long the expression must hold; `audience` is who can do something about it."""

    name: str
    severity: str
    audience: str
    held: str
    expr: str
    summary: str
    description: str

    @property
    def runbook(self) -> str:
        """The page and the heading that say what to do."""
        return f"{RUNBOOK}#{self.name.lower()}"


class Group(NamedTuple):
    """Rules that are evaluated together. `every` None: Prometheus's own interval."""

    name: str
    rules: tuple[Recorded | Alert, ...]
    every: str | None = None


def _ratio(name: str, metric: str) -> tuple[Recorded, ...]:
    return (
        Recorded(f"signals:{name}_ratio", met_ratio(metric)),
        Recorded(f"signals:{name}_ratio:by_segment", met_ratio(metric, by="segment")),
        Recorded(f"signals:{name}_ratio:by_team", met_ratio(metric, by="team")),
        Recorded(f"signals:{name}_deals:judged", count_of(metric, JUDGED)),
        Recorded(f"signals:{name}_deals:unknown", count_of(metric, UNKNOWN)),
    )


def _gate_ratio(by: str) -> str:
    return met_ratio("signals_gate_entries", by=by)


_TEAMS_WITH_ENOUGH = (
    f"(signals:gate_pass_ratio:by_stage_team and signals:gate_entries:judged_by_stage_team >= {ENOUGH})"
)

INDICATORS = Group(
    "signals-indicators",
    (
        *_ratio("sql_criteria", "signals_sql_criteria_deals"),
        *_ratio("icp_adherence", "signals_icp_deals"),
        *_ratio("post_sql_consistency", "signals_post_sql_deals"),
        Recorded("signals:gate_pass_ratio:by_stage", _gate_ratio("pipeline, stage")),
        Recorded("signals:gate_pass_ratio:by_stage_team", _gate_ratio("pipeline, stage, team")),
        Recorded(
            "signals:gate_entries:judged_by_stage_team",
            total("signals_gate_entries", JUDGED, by="pipeline, stage, team"),
        ),
        Recorded(
            "signals:gate_pass_ratio:spread_by_stage",
            f"max by (pipeline, stage) {_TEAMS_WITH_ENOUGH} - min by (pipeline, stage) {_TEAMS_WITH_ENOUGH}",
        ),
        Recorded(
            "signals:deals_over_cycle:by_segment",
            f"{total('signals_deals_over_cycle', by='segment')} or 0 * {total('signals_open_deals', by='segment')}",
        ),
        Recorded("signals:open_amount:by_currency", total("signals_open_amount", by="currency")),
        Recorded("signals:at_risk_amount:by_currency", total("signals_at_risk_amount", by="currency")),
        Recorded("signals:open_amount:base", total("signals_open_amount_base", by="currency")),
        Recorded("signals:at_risk_amount:base", total("signals_at_risk_amount_base", by="currency")),
    ),
)

#: Long ranges read these: a sample every five minutes is enough for a quarter, and 90 days of it stay cheap.
QUARTER = Group(
    "signals-quarter",
    (Recorded("signals:icp_deals:sum", total("signals_icp_deals", by="pipeline, segment, team, answer")),),
    every="5m",
)

MONITOR = Group(
    "signals-monitor",
    (
        Recorded("signals:lag_records:sum", total("signals_engine_lag_records", by="program, topic")),
        Recorded(
            "signals:rows_rejected_ratio:rate10m",
            'sum by (source) (rate(signals_rows_total{outcome="rejected"}[10m])) / '
            "(sum by (source) (rate(signals_rows_total[10m])) > 0)",
        ),
        Recorded(
            "signals:detection_delay_seconds:p99_10m", quantile(0.99, "signals_detection_delay_seconds", over="10m")
        ),
        Recorded("signals:told_seconds:p95_30m", quantile(0.95, "signals_alerts_told_seconds", over="30m")),
    ),
)
