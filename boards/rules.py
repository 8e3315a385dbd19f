"""What a Prometheus rule is here, and the table of what is recorded. The alerts stand in `alerting.py`."""

from __future__ import annotations

from typing import NamedTuple

from boards.promql import JUDGED, UNKNOWN, count_of, met_ratio, quantile, total

#: The scrape job of the programs in deploy/prometheus.yml.
JOB = 'job="deal-signals"'
#: Below this adherence forecasts go wrong.
ICP_FLOOR = 0.7
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


INDICATORS = Group(
    "signals-indicators",
    (
        *_ratio("sql_criteria", "signals_sql_criteria_deals"),
        *_ratio("icp_adherence", "signals_icp_deals"),
        Recorded(
            "signals:deals_over_cycle:by_segment",
            f"{total('signals_deals_over_cycle', by='segment')} or 0 * {total('signals_open_deals', by='segment')}",
        ),
        Recorded("signals:open_amount:by_currency", total("signals_open_amount", by="currency")),
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
