"""The board of the monitor itself: is it up, does it keep up, what does it refuse, does it reach people."""

from __future__ import annotations

from boards.panels import Board, Look, Panel, Query, Row
from boards.promql import grown, or_none, per_second, quantile, total
from boards.rules import JOB

NUMBER, BARS, LINES = Look.NUMBER, Look.BARS, Look.LINES

_BAD_FROM_ONE = ((None, "green"), (1, "red"))

IS_IT_WELL = Row(
    "Is it well?",
    (
        Panel(
            "Programs up",
            "Programs that answer Prometheus, of those that it knows.",
            NUMBER,
            4,
            (Query(f"sum(up{{{JOB}}})", "up"), Query(f"count(up{{{JOB}}})", "known")),
            height=5,
            decimals=0,
        ),
        Panel(
            "Readiness checks that fail",
            "What /readyz holds against a program: the broker, its partitions, the clock, a source that is paused.",
            NUMBER,
            4,
            (Query("sum(1 - signals_engine_ready)", "failing"),),
            height=5,
            steps=_BAD_FROM_ONE,
            decimals=0,
        ),
        Panel(
            "Alerts that fire",
            "Alert rules of this installation that fire now. docs/operations.md says what to do about each.",
            NUMBER,
            4,
            (Query('count(ALERTS{alertname=~"Signals.*",alertstate="firing"}) or vector(0)', "firing"),),
            height=5,
            steps=_BAD_FROM_ONE,
            decimals=0,
        ),
        Panel(
            "Since the last tick",
            "Seconds since the clock last said what time it is. Over 30 s nothing that only time reveals is seen.",
            NUMBER,
            4,
            (Query("max(signals_engine_tick_age_seconds)", "age"),),
            unit="s",
            height=5,
            steps=((None, "green"), (10, "orange"), (30, "red")),
            decimals=1,
        ),
        Panel(
            "Records that wait",
            "Records on the broker that no program has taken yet, over all topics.",
            NUMBER,
            4,
            (Query(total("signals_engine_lag_records"), "waiting"),),
            height=5,
            steps=((None, "green"), (1_000, "orange"), (100_000, "red")),
            decimals=0,
        ),
        Panel(
            "Deals known",
            "Deals with a state, open or closed.",
            NUMBER,
            4,
            (Query("sum(signals_known_deals)", "deals"),),
            height=5,
            decimals=0,
        ),
    ),
)

WHAT_COMES_IN = Row(
    "What comes in",
    (
        Panel(
            "Rows by what became of them",
            "Rows of the sources per second: they became events, say nothing to us, or were rejected.",
            LINES,
            8,
            (Query(per_second("signals_rows_total", by="source, outcome"), "{{source}} {{outcome}}"),),
            unit="cps",
        ),
        Panel(
            "Rejected per hour, by reason",
            "Rows that could not be understood within the hour before. They are kept on crm.rejected.",
            LINES,
            8,
            (
                Query(
                    or_none(grown("signals_rows_rejected_total", by="source, reason"), "reason"),
                    "{{source}} {{reason}}",
                ),
            ),
        ),
        Panel(
            "Share of rows rejected",
            "Of a source's rows within the ten minutes before. At 90 % of 100 or more the source pauses.",
            LINES,
            8,
            (Query(or_none("signals:rows_rejected_ratio:rate10m", "source"), "{{source}}"),),
            unit="percentunit",
            highest=1,
        ),
        Panel(
            "Silent rows per hour, by reason",
            "Rows that say nothing to us, by rule, within the hour before.",
            LINES,
            8,
            (
                Query(
                    or_none(grown("signals_rows_silent_total", by="source, reason"), "reason"), "{{source}} {{reason}}"
                ),
            ),
        ),
        Panel(
            "Dirt per hour",
            "Repairs and gaps in rows that became events, within the hour before.",
            LINES,
            8,
            (Query(or_none(grown("signals_rows_dirt_total", by="source, what"), "what"), "{{source}} {{what}}"),),
        ),
        Panel(
            "Events by their fate",
            "Events per second that were folded into deals, folded again because they came late, known already, too "
            "late, or not readable.",
            LINES,
            8,
            (Query(per_second("signals_events_total", by="fate"), "{{fate}}"),),
            unit="cps",
        ),
    ),
)

WEBHOOKS = Row(
    "Webhooks",
    (
        Panel(
            "Webhooks by what became of them",
            "Requests per second to intake, by what they were answered. Only what was taken stands on a raw topic. "
            "None where no source is fed over HTTP.",
            LINES,
            8,
            (
                Query(
                    or_none(per_second("signals_intake_requests_total", by="source, outcome"), "source"),
                    "{{source}} {{outcome}}",
                ),
            ),
            unit="cps",
        ),
        Panel(
            "Webhooks refused per hour",
            "Requests within the hour before that were not taken, by the reason.",
            LINES,
            8,
            (
                Query(
                    or_none(
                        grown("signals_intake_requests_total", 'outcome!="taken"', by="source, outcome"), "outcome"
                    ),
                    "{{source}} {{outcome}}",
                ),
            ),
        ),
        Panel(
            "Time to take a webhook in",
            "From its headers to the answer 200, which waits for the broker. HubSpot waits for 5 s.",
            LINES,
            8,
            (
                Query(
                    or_none(f"({quantile(0.5, 'signals_intake_seconds', by='source', over='5m')})", "source"),
                    "half within {{source}}",
                ),
                Query(
                    or_none(f"({quantile(0.99, 'signals_intake_seconds', by='source', over='5m')})", "source"),
                    "99 % within {{source}}",
                ),
            ),
            unit="s",
        ),
    ),
)

IS_IT_IN_TIME = Row(
    "Is it in time?",
    (
        Panel(
            "Since the last tick",
            "Seconds since the clock's last tick; 30 is an alert.",
            LINES,
            6,
            (Query("max(signals_engine_tick_age_seconds)", "age"),),
            unit="s",
        ),
        Panel(
            "How far judging is behind the wall clock",
            "The wall clock less the time up to which every deal has been judged: the grace given to the sources, and "
            "what the programs are behind. On a simulated clock this is the distance to it.",
            LINES,
            6,
            (Query("time() - min(signals_last_tick_timestamp_seconds)", "behind"),),
            unit="s",
        ),
        Panel(
            "From change to signal",
            "From a change's arrival on deal.events to its signal. By the wall clock; nothing on a simulated one.",
            LINES,
            6,
            (
                Query(quantile(0.5, "signals_detection_delay_seconds", over="5m"), "half within"),
                Query(quantile(0.99, "signals_detection_delay_seconds", over="5m"), "99 % within"),
            ),
            unit="s",
        ),
        Panel(
            "Records that wait, by program",
            "Records of a topic that a program has not taken yet, as last seen.",
            LINES,
            6,
            (Query(total("signals_engine_lag_records", by="program, topic"), "{{program}} {{topic}}"),),
        ),
    ),
)

THE_MACHINERY = Row(
    "The machinery",
    (
        Panel(
            "Records processed",
            "Records per second that a program took from a topic and processed to the end.",
            LINES,
            8,
            (Query(per_second("signals_engine_records_total", by="program, topic"), "{{program}} {{topic}}"),),
            unit="cps",
        ),
        Panel(
            "Time of a batch, 99 %",
            "From taking a batch to its acknowledgement. A batch of send may wait for Slack.",
            LINES,
            8,
            (Query(quantile(0.99, "signals_engine_batch_seconds", by="program"), "{{program}}"),),
            unit="s",
        ),
        Panel(
            "Records in a batch",
            "The mean number of records that went through together: it grows with the load.",
            LINES,
            8,
            (
                Query(
                    f"{per_second('signals_engine_records_total', by='program')} / "
                    f"({per_second('signals_engine_batches_total', by='program')} > 0)",
                    "{{program}}",
                ),
            ),
        ),
        Panel(
            "Records written",
            "Records per second that a program wrote and saw acknowledged, state not counted.",
            LINES,
            8,
            (Query(per_second("signals_engine_outputs_total", by="program, topic"), "{{program}} {{topic}}"),),
            unit="cps",
        ),
        Panel(
            "Offsets committed",
            "Records per second by which the committed offsets advance.",
            LINES,
            8,
            (
                Query(
                    "sum by (program, topic) (rate(signals_engine_committed_offset[$__rate_interval]))",
                    "{{program}} {{topic}}",
                ),
            ),
            unit="cps",
        ),
        Panel(
            "Partitions held",
            "Partitions that the workers of a program hold. A sum that falls and stays is a partition nobody reads.",
            LINES,
            8,
            (Query(total("signals_engine_partitions", by="program"), "{{program}}"),),
        ),
        Panel(
            "Keys of state",
            "Keys in the state of the programs that keep one.",
            LINES,
            8,
            (Query(total("signals_engine_state_keys", by="program, topic"), "{{program}} {{topic}}"),),
        ),
        Panel(
            "Time to load a partition's state",
            "The mean since the start of the program: what a restart or a rebalance costs.",
            BARS,
            8,
            (
                Query(
                    "sum by (program) (signals_engine_state_load_seconds_sum) / "
                    "(sum by (program) (signals_engine_state_load_seconds_count) > 0)",
                    "{{program}}",
                ),
            ),
            unit="s",
        ),
        Panel(
            "What should not happen, per hour",
            "Broker requests tried again, transactions begun anew, a clock that was not believed, records "
            "put aside by the voice.",
            LINES,
            8,
            (
                Query(or_none(grown("signals_engine_retries_total", by="program"), "program"), "retries {{program}}"),
                Query(
                    or_none(grown("signals_engine_transactions_lost_total", by="program"), "program"),
                    "transactions lost {{program}}",
                ),
                Query(
                    or_none(grown("signals_engine_clock_refusals_total", by="reason"), "reason"),
                    "clock refused {{reason}}",
                ),
                Query(or_none(grown("signals_alerts_unreadable_total", by="topic"), "topic"), "put aside {{topic}}"),
            ),
        ),
    ),
)

SLACK = Row(
    "Slack",
    (
        Panel(
            "Slack refuses us",
            "1 while Slack refuses the token, its scopes or the address, so that nothing can be said.",
            NUMBER,
            4,
            (Query("max(signals_alerts_slack_barred)", "refused"),),
            steps=_BAD_FROM_ONE,
            decimals=0,
        ),
        Panel(
            "Replies per hour",
            "Replies of Slack's API within the hour before, by method and meaning. None where messages are drawn in "
            "the terminal.",
            LINES,
            7,
            (
                Query(
                    or_none(grown("signals_alerts_slack_replies_total", by="method, meaning"), "meaning"),
                    "{{method}} {{meaning}}",
                ),
            ),
        ),
        Panel(
            "Time of a call, 95 %",
            "Duration of calls to Slack's API within the quarter of an hour before.",
            LINES,
            6,
            (
                Query(
                    or_none(
                        f"({quantile(0.95, 'signals_alerts_slack_request_seconds', by='method', over='15m')})", "method"
                    ),
                    "{{method}}",
                ),
            ),
            unit="s",
        ),
        Panel(
            "Waited and doubted, per hour",
            "Seconds waited because Slack asked for it, messages that went to the fallback channel, searches after an "
            "unclear answer, and messages that may have been said twice.",
            LINES,
            7,
            (
                Query(
                    or_none(grown("signals_alerts_slack_waited_seconds_total", by="meaning"), "meaning"),
                    "waited (s) {{meaning}}",
                ),
                Query(or_none(grown("signals_alerts_fallbacks_total", by="reason"), "reason"), "fallback {{reason}}"),
                Query(or_none(grown("signals_alerts_look_ups_total", by="result"), "result"), "look-up {{result}}"),
                Query(grown("signals_alerts_possible_doubles_total"), "possible doubles"),
            ),
        ),
    ),
)

THE_PROCESSES = Row(
    "The processes",
    (
        Panel(
            "CPU",
            "Cores that a program uses. One program uses one at most; more workers use more.",
            LINES,
            6,
            (Query(per_second("process_cpu_seconds_total", JOB, by="program"), "{{program}}"),),
        ),
        Panel(
            "Memory",
            "Resident memory. It grows with the deals that a program keeps.",
            LINES,
            6,
            (Query(total("process_resident_memory_bytes", JOB, by="program"), "{{program}}"),),
            unit="bytes",
        ),
        Panel(
            "Age",
            "Seconds since the youngest worker of a program started.",
            BARS,
            6,
            (Query(f"time() - max by (program) (process_start_time_seconds{{{JOB}}})", "{{program}}"),),
            unit="s",
            decimals=0,
        ),
        Panel(
            "Open files",
            "File descriptors in use: connections to the broker and to Slack.",
            LINES,
            6,
            (Query(total("process_open_fds", JOB, by="program"), "{{program}}"),),
        ),
    ),
)

MONITOR = Board(
    uid="deal-signals-monitor",
    title="deal-signals: the monitor itself",
    description="Whether the monitor is well: what it takes in, how late it is, what it cannot do.",
    since="now-3h",
    refresh="10s",
    rows=(IS_IT_WELL, WHAT_COMES_IN, WEBHOOKS, IS_IT_IN_TIME, THE_MACHINERY, SLACK, THE_PROCESSES),
)
