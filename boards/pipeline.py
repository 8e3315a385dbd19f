"""The board of the pipeline: what leaders ask first, then the money, the signals, and who was told."""

from __future__ import annotations

from boards.panels import Board, Look, Panel, Query, Row, Variable
from boards.promql import (
    JUDGED,
    MET,
    UNKNOWN,
    count_of,
    grown,
    met_ratio,
    named,
    or_none,
    quantile,
    select,
    total,
)
from boards.rules import ICP_FLOOR

NUMBER, BARS, LINES = Look.NUMBER, Look.BARS, Look.LINES

#: What is chosen at the top of the board.
CHOSEN = 'pipeline=~"$pipeline",segment=~"$segment",team=~"$team"'

#: "This quarter" is the last 90 days: they hold as much in a quarter's first week as in its last.
QUARTER = "90d"

_RATIO_STEPS = ((None, "red"), (0.5, "orange"), (0.7, "green"))
_ICP_STEPS = ((None, "red"), (ICP_FLOOR, "green"))
_COUNT_STEPS = ((None, "green"), (1, "orange"))


def _judged(metric: str) -> tuple[Query, ...]:
    return (
        Query(count_of(metric, CHOSEN, JUDGED), "n (met or not)"),
        Query(count_of(metric, CHOSEN, UNKNOWN), "unknown"),
    )


def _over_cycle(label: str) -> str:
    """By a label; 0 where deals are open and none is over."""
    over, still = (total(metric, CHOSEN, by=label) for metric in ("signals_deals_over_cycle", "signals_open_deals"))
    return f"{over} or 0 * {still}"


def _quarter_ratio(metric: str) -> str:
    """Every deal weighs as long as it was open in the time."""
    met, judged = (f"sum(sum_over_time({select(metric, CHOSEN, answer)}[{QUARTER}]))" for answer in (MET, JUDGED))
    return f"({met} or vector(0)) / ({judged} > 0)"


THE_THREE_QUESTIONS = Row(
    "The three questions",
    (
        Panel(
            "Meets SQL criteria now",
            "Of the open deals at or past SQL that can be judged: the share that meets every SQL criterion of the "
            "playbook. Deals with an unknown criterion are not in it; they are counted beside it.",
            NUMBER,
            4,
            (Query(met_ratio("signals_sql_criteria_deals", CHOSEN), "ratio"),),
            unit="percentunit",
            height=6,
            steps=_RATIO_STEPS,
            decimals=0,
            highest=1,
            empty="nothing to judge",
        ),
        Panel(
            "SQL: judged, unknown",
            "How many deals the SQL ratio stands on, and at how many a criterion is unknown.",
            NUMBER,
            4,
            _judged("signals_sql_criteria_deals"),
            height=6,
            decimals=0,
        ),
        Panel(
            "ICP adherence now",
            "Of the open deals that can be judged: the share that meets every criterion of the ideal customer profile. "
            "Below 70 % with 20 deals or more, forecasts go wrong.",
            NUMBER,
            4,
            (Query(met_ratio("signals_icp_deals", CHOSEN), "ratio"),),
            unit="percentunit",
            height=6,
            steps=_ICP_STEPS,
            decimals=0,
            highest=1,
            empty="nothing to judge",
        ),
        Panel(
            "ICP adherence, 90 days",
            "The same over the last 90 days; every deal weighs as long as it was open.",
            NUMBER,
            4,
            (Query(_quarter_ratio("signals:icp_deals:sum"), "ratio"),),
            unit="percentunit",
            height=6,
            steps=_ICP_STEPS,
            decimals=0,
            highest=1,
            empty="nothing to judge",
        ),
        Panel(
            "ICP: judged, unknown",
            "How many open deals the ICP ratio stands on, and at how many a criterion is unknown.",
            NUMBER,
            4,
            _judged("signals_icp_deals"),
            height=6,
            decimals=0,
        ),
        Panel(
            "Past the longest cycle",
            "Open deals older than the corridor of their segment, and how many deals are open.",
            NUMBER,
            4,
            (
                Query(count_of("signals_deals_over_cycle", CHOSEN), "over cycle"),
                Query(count_of("signals_open_deals", CHOSEN), "open"),
            ),
            height=6,
            decimals=0,
        ),
        *(
            Panel(
                f"Over cycle by {label}",
                f"Open deals past the corridor of their segment, by {label}.",
                BARS,
                6,
                (Query(named(_over_cycle(label), label), f"{{{{{label}}}}}"),),
                steps=_COUNT_STEPS,
                decimals=0,
            )
            for label in ("segment", "team")
        ),
        Panel(
            "SQL criteria met by segment",
            "The share of judged deals at or past SQL that meet every SQL criterion, by segment.",
            BARS,
            6,
            (Query(named(met_ratio("signals_sql_criteria_deals", CHOSEN, by="segment"), "segment"), "{{segment}}"),),
            unit="percentunit",
            steps=_RATIO_STEPS,
            decimals=0,
            highest=1,
            empty="nothing to judge",
        ),
        Panel(
            "ICP adherence by segment",
            "The share of judged open deals that fit the ideal customer profile, by segment.",
            BARS,
            6,
            (Query(named(met_ratio("signals_icp_deals", CHOSEN, by="segment"), "segment"), "{{segment}}"),),
            unit="percentunit",
            steps=_ICP_STEPS,
            decimals=0,
            highest=1,
            empty="nothing to judge",
        ),
        Panel(
            "The ratios over time",
            "SQL criteria met and ICP adherence of what is chosen above. The spread of deals that are not judged "
            "stands beside the numbers.",
            LINES,
            24,
            (
                Query(met_ratio("signals_sql_criteria_deals", CHOSEN), "SQL criteria met"),
                Query(met_ratio("signals_icp_deals", CHOSEN), "ICP adherence"),
            ),
            unit="percentunit",
            highest=1,
        ),
    ),
)

_GATES = 'pipeline=~"$pipeline",team=~"$team"'

DEFINITIONS_IN_PRACTICE = Row(
    "Definitions in practice",
    (
        Panel(
            "Kept to SQL, 90 days",
            "Of the deals that reached SQL within 90 days and can be judged: the share that still meets its criteria "
            "or has closed.",
            NUMBER,
            4,
            (Query(met_ratio("signals_post_sql_deals", CHOSEN), "ratio"),),
            unit="percentunit",
            height=6,
            steps=_RATIO_STEPS,
            decimals=0,
            highest=1,
            empty="nothing to judge",
        ),
        Panel(
            "Reached SQL: judged, unknown",
            "How many deals that reached SQL within 90 days the ratio stands on, and at how many a criterion is "
            "unknown.",
            NUMBER,
            4,
            _judged("signals_post_sql_deals"),
            height=6,
            decimals=0,
        ),
        Panel(
            "Gates passed by stage, 90 days",
            "Of the entries into a stage within 90 days that can be judged: the share with all criteria of its gate "
            "met.",
            BARS,
            8,
            (Query(met_ratio("signals_gate_entries", _GATES, by="stage"), "{{stage}}"),),
            unit="percentunit",
            height=6,
            steps=_RATIO_STEPS,
            decimals=0,
            highest=1,
            empty="nothing to judge",
        ),
        Panel(
            "Gates passed by team, 90 days",
            "The same by the team of the deal's owner at the entry. A team far from the others has a definition of "
            "its own.",
            BARS,
            8,
            (Query(named(met_ratio("signals_gate_entries", _GATES, by="team"), "team"), "{{team}}"),),
            unit="percentunit",
            height=6,
            steps=_RATIO_STEPS,
            decimals=0,
            highest=1,
            empty="nothing to judge",
        ),
    ),
)

THE_PIPELINE = Row(
    "The pipeline",
    (
        Panel(
            "Open deals by segment",
            "Deals that are neither won nor lost.",
            LINES,
            8,
            (Query(named(total("signals_open_deals", CHOSEN, by="segment"), "segment"), "{{segment}}"),),
            stacked=True,
        ),
        Panel(
            "Open deals by team",
            "Deals that are neither won nor lost, by the team of their owner in the playbook.",
            LINES,
            8,
            (Query(named(total("signals_open_deals", CHOSEN, by="team"), "team"), "{{team}}"),),
            stacked=True,
        ),
        Panel(
            "Open amount by currency",
            "The sum of the amounts of open deals, each in its own currency; nothing is converted.",
            LINES,
            8,
            (Query(named(total("signals_open_amount", CHOSEN, by="currency"), "currency"), "{{currency}}"),),
        ),
        Panel(
            "Amount at risk by currency",
            "The sum of the amounts of open deals on which a critical signal is open, each in its own currency.",
            LINES,
            12,
            (Query(named(total("signals_at_risk_amount", CHOSEN, by="currency"), "currency"), "{{currency}}"),),
        ),
        Panel(
            "Open and at risk in base currency",
            "The same sums in the base currency of the settings. What has no rate there is not in them.",
            LINES,
            12,
            tuple(
                Query(total(f"signals_{what}_amount_base", CHOSEN, by="currency"), f"{words} ({{{{currency}}}})")
                for what, words in (("open", "open"), ("at_risk", "at risk"))
            ),
        ),
    ),
)

THE_SIGNALS = Row(
    "The signals",
    (
        Panel(
            "Open signals by kind and severity",
            "Signals that hold now, of every deal. Kinds and severities have no team or segment, so the choice above "
            "does not apply here and below.",
            BARS,
            8,
            (Query(or_none(total("signals_open_signals", by="kind, severity"), "kind"), "{{kind}} {{severity}}"),),
            height=10,
            decimals=0,
        ),
        *(
            Panel(
                title,
                f"Signals that were {step} within the hour before, by kind.",
                LINES,
                8,
                (Query(grown("signals_transitions_total", f'transition="{step}"', by="kind"), "{{kind}}"),),
                height=10,
            )
            for title, step in (("Opened per hour", "opened"), ("Resolved per hour", "resolved"))
        ),
    ),
)

WHO_WAS_TOLD = Row(
    "Who was told",
    (
        Panel(
            "Routed intents per hour",
            "Buying intents that were put on a routing topic within the hour before, by route.",
            LINES,
            6,
            (Query(or_none(grown("signals_alerts_routed_total", by="route"), "route"), "{{route}}"),),
        ),
        Panel(
            "Messages per hour",
            "Messages said and edited within the hour before, and those that came to nothing.",
            LINES,
            6,
            (Query(grown("signals_alerts_messages_total", by="op, outcome"), "{{op}} {{outcome}}"),),
        ),
        Panel(
            "Decisions per hour",
            "What was decided about each signal and each who may hear of it, by the reason. Nothing is silent.",
            LINES,
            6,
            (Query(or_none(grown("signals_alerts_decisions_total", by="reason"), "reason"), "{{reason}}"),),
        ),
        Panel(
            "From signal to message",
            "How long after its detection a signal was first told. By the wall clock; nothing on a simulated one.",
            LINES,
            6,
            (
                Query(quantile(0.5, "signals_alerts_told_seconds", over="1h"), "half within"),
                Query(quantile(0.95, "signals_alerts_told_seconds", over="1h"), "95 % within"),
            ),
            unit="s",
        ),
    ),
)

PIPELINE = Board(
    uid="deal-signals-pipeline",
    title="deal-signals: pipeline",
    description="What is happening in the pipeline now. Definitions are the playbook's.",
    since="now-24h",
    refresh="30s",
    rows=(THE_THREE_QUESTIONS, DEFINITIONS_IN_PRACTICE, THE_PIPELINE, THE_SIGNALS, WHO_WAS_TOLD),
    variables=tuple(
        Variable(name, "signals_open_deals", f"only deals of this {name}") for name in ("pipeline", "segment", "team")
    ),
)
