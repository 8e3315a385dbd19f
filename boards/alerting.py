"""What someone must be woken or told for, as a table of alert rules.

The numbers: 30 s without a tick, and ICP adherence below 0.70 with 20 deals or more, are the product's own limits; 90 %
of 100 rows is where `ingest` pauses a source. The others are where a healthy installation never is for long.
"""

from __future__ import annotations

from alerts.metrics import FAILURES
from boards.promql import grown, risen
from boards.rules import ENOUGH, GATE_SPREAD, ICP_FLOOR, INDICATORS, JOB, MONITOR, QUARTER, Alert, Group

_FAILED = f'outcome=~"{"|".join(FAILURES)}"'
_UNDECODABLE = 'fate="undecodable"'
_UNDECODABLE_JOIN = 'type="undecodable"'
_TOO_LATE = 'fate="too_late"'

_NOT_BELIEVED = 'outcome=~"unsigned|bad_signature|bad_timestamp|bad_credentials|too_large|encoded|empty"'
_NOT_NOW = 'outcome=~"away|unanswered|full|failed"'
_REFUSED = grown("signals_intake_requests_total", _NOT_BELIEVED, by="source", over="10m")
_TAKEN = grown("signals_intake_requests_total", 'outcome="taken"', by="source", over="10m")

_ROWS = grown("signals_rows_total", by="source", over="10m")
_BATCHES = grown("signals_engine_batches_total", by="program, topic", over="5m")

ALERTS = Group(
    "signals-alerts",
    (
        Alert(
            "SignalsProgramDown",
            "critical",
            "ops",
            "1m",
            f"up{{{JOB}}} == 0",
            "{{ $labels.program }} does not answer",
            "{{ $labels.program }} at {{ $labels.instance }} has not answered Prometheus for a minute.",
        ),
        Alert(
            "SignalsNothingScraped",
            "critical",
            "ops",
            "5m",
            f"absent(up{{{JOB}}})",
            "Prometheus knows no program of deal-signals",
            "No target of the job deal-signals exists, so no other alert of this installation can fire.",
        ),
        Alert(
            "SignalsProgramNotReady",
            "critical",
            "ops",
            "2m",
            'min by (program, check) (signals_engine_ready{check!~"lag|definitions"}) == 0',
            "{{ $labels.program }} is not ready: {{ $labels.check }}",
            "The check {{ $labels.check }} of {{ $labels.program }} has failed for two minutes; /readyz says why.",
        ),
        Alert(
            "SignalsDefinitionsUnknown",
            "critical",
            "ops",
            "1m",
            'min by (program) (signals_engine_ready{check="definitions"}) == 0',
            "{{ $labels.program }} waits for definitions that it does not know",
            "The log of {{ $labels.program }} switches to definitions that are not on the topic definitions, or that "
            "this release cannot read; its partitions wait.",
        ),
        Alert(
            "SignalsProgramRestarts",
            "warning",
            "ops",
            "0s",
            f"sum by (program) (changes(process_start_time_seconds{{{JOB}}}[15m])) > 2",
            "{{ $labels.program }} starts again and again",
            "{{ $labels.program }} started {{ $value }} times anew within 15 minutes.",
        ),
        Alert(
            "SignalsNoTick",
            "critical",
            "ops",
            "0s",
            "max(signals_engine_tick_age_seconds) > 30",
            "No tick for {{ $value | humanizeDuration }}",
            "The clock has not said what time it is for more than 30 s: what only time reveals is not seen.",
        ),
        Alert(
            "SignalsTimeStandsStill",
            "warning",
            "ops",
            "3m",
            "changes(signals_last_tick_timestamp_seconds[2m]) == 0",
            "Deals of partition {{ $labels.partition }} are not judged any further",
            "The time up to which detect has judged partition {{ $labels.partition }} has not moved for five minutes.",
        ),
        Alert(
            "SignalsClockRefused",
            "warning",
            "ops",
            "0s",
            risen("signals_engine_clock_refusals_total", "reason", "5m"),
            "The wall clock was not believed: {{ $labels.reason }}",
            "The clock of ingest saw the wall clock jump by more than an hour and did not follow it.",
        ),
        Alert(
            "SignalsSourceRejected",
            "critical",
            "ops",
            "0s",
            f"signals:rows_rejected_ratio:rate10m >= 0.9 and {_ROWS} >= 100",
            "Nearly everything from {{ $labels.source }} is rejected",
            "{{ $value | humanizePercentage }} of the rows of {{ $labels.source }} within ten minutes could not be "
            "understood. At 90 % the source is paused.",
        ),
        Alert(
            "SignalsRejectsRise",
            "warning",
            "ops",
            "10m",
            f"signals:rows_rejected_ratio:rate10m > 0.05 and {_ROWS} >= 100",
            "{{ $value | humanizePercentage }} of the rows of {{ $labels.source }} are rejected",
            "More than 5 % of the rows of {{ $labels.source }} have not been understood for ten minutes.",
        ),
        Alert(
            "SignalsIntakeRefuses",
            "warning",
            "ops",
            "5m",
            f"{_REFUSED} > 10 and {_REFUSED} > {_TAKEN}",
            "Most webhooks of {{ $labels.source }} are refused",
            "Of the webhooks for {{ $labels.source }} within ten minutes {{ $value | humanize }} were refused, "
            "more than were taken.",
        ),
        Alert(
            "SignalsIntakeAway",
            "critical",
            "ops",
            "2m",
            f"{grown('signals_intake_requests_total', _NOT_NOW, by='source', over='2m')} > 0",
            "Webhooks of {{ $labels.source }} cannot be kept",
            "Webhooks for {{ $labels.source }} are answered 503; their senders send them again for a while only.",
        ),
        Alert(
            "SignalsUndecodable",
            "warning",
            "ops",
            "0s",
            f"({grown('signals_events_total', _UNDECODABLE, over='15m')} or vector(0))"
            f" + ({grown('signals_join_events_total', _UNDECODABLE_JOIN, over='15m')} or vector(0)) > 0",
            "Records of our own topics are not events",
            "detect or join put records aside that it could not read; they are on crm.rejected.",
        ),
        Alert(
            "SignalsTooLate",
            "warning",
            "ops",
            "0s",
            f"{grown('signals_events_total', _TOO_LATE, over='1h')} > 0",
            "Events came too late to count",
            "Within the hour, events arrived that are older than the horizon of three days; they changed nothing.",
        ),
        Alert(
            "SignalsDealsSuspect",
            "warning",
            "ops",
            "5m",
            "scalar(max(signals_last_tick_timestamp_seconds))"
            " - min by (source) (signals_suspect_since_timestamp_seconds) > 24 * 3600",
            "Deals of {{ $labels.source }} wait to be read again",
            "The source {{ $labels.source }} lost changes {{ $value | humanizeDuration }} ago; nothing opens on the "
            "deals concerned until they are read again.",
        ),
        Alert(
            "SignalsLagGrows",
            "warning",
            "ops",
            "10m",
            "signals:lag_records:sum > 1000 and deriv(signals:lag_records:sum[10m]) > 0",
            "{{ $labels.program }} falls behind on {{ $labels.topic }}",
            "{{ $value }} records of {{ $labels.topic }} wait for {{ $labels.program }}, and more every minute.",
        ),
        Alert(
            "SignalsProgramStuck",
            "critical",
            "ops",
            "10m",
            f"signals:lag_records:sum > 0 unless {_BATCHES} > 0",
            "{{ $labels.program }} does not get on with {{ $labels.topic }}",
            "Records of {{ $labels.topic }} wait; {{ $labels.program }} has finished no batch of it for 15 minutes.",
        ),
        Alert(
            "SignalsDetectionSlow",
            "warning",
            "ops",
            "10m",
            "signals:detection_delay_seconds:p99_10m > 5",
            "Signals take {{ $value | humanizeDuration }} from their change",
            "One change in a hundred waits longer than 5 s for its signal, for ten minutes now.",
        ),
        Alert(
            "SignalsBrokerRetries",
            "warning",
            "ops",
            "0s",
            f"{grown('signals_engine_retries_total', by='program', over='5m')} > 10",
            "{{ $labels.program }} has trouble with the broker",
            "{{ $labels.program }} had to try more than ten requests again within five minutes.",
        ),
        Alert(
            "SignalsTransactionsLost",
            "warning",
            "ops",
            "0s",
            f"{grown('signals_engine_transactions_lost_total', by='program, reason', over='15m')} > 5",
            "{{ $labels.program }} keeps losing its transactions",
            "{{ $labels.program }} had to begin anew more than five times within 15 minutes ({{ $labels.reason }}).",
        ),
        Alert(
            "SignalsSlackRefuses",
            "critical",
            "ops",
            "1m",
            "max(signals_alerts_slack_barred) == 1",
            "Slack refuses us: nobody is told anything",
            "Slack refuses the token, its scopes or the address; send waits and says nothing.",
        ),
        Alert(
            "SignalsMessagesFail",
            "warning",
            "ops",
            "0s",
            f"{grown('signals_alerts_messages_total', _FAILED, by='op, outcome', over='15m')} > 0",
            "Messages come to nothing: {{ $labels.outcome }}",
            "Within 15 minutes a message (op {{ $labels.op }}) was given up with the reason {{ $labels.outcome }}.",
        ),
        Alert(
            "SignalsMessagesLate",
            "warning",
            "ops",
            "10m",
            "signals:told_seconds:p95_30m > 300",
            "Messages come {{ $value | humanizeDuration }} after their signal",
            "One message in twenty is said more than five minutes after its signal was detected.",
        ),
        Alert(
            "SignalsVoiceUnreadable",
            "warning",
            "ops",
            "0s",
            risen("signals_alerts_unreadable_total", "topic, reason", "15m"),
            "Records of {{ $labels.topic }} were put aside: {{ $labels.reason }}",
            "A program of the voice could not read records of {{ $labels.topic }}; they are on crm.rejected.",
        ),
        Alert(
            "SignalsIcpAdherenceLow",
            "warning",
            "revops",
            "15m",
            f"signals:icp_adherence_ratio < {ICP_FLOOR:.2f} and signals:icp_adherence_deals:judged >= {ENOUGH}",
            "Only {{ $value | humanizePercentage }} of the open deals fit the ideal customer profile",
            f"ICP adherence has been below {ICP_FLOOR:.0%} for 15 minutes, with {ENOUGH} deals judged or more.",
        ),
        Alert(
            "SignalsGatePassSpread",
            "warning",
            "revops",
            "15m",
            f"signals:gate_pass_ratio:spread_by_stage > {GATE_SPREAD:.2f}",
            "Teams differ by {{ $value | humanizePercentage }} in how often they pass the gate of {{ $labels.stage }}",
            "Within 90 days one team entered {{ $labels.stage }} ({{ $labels.pipeline }}) with all criteria met far "
            f"more often than another, each with {ENOUGH} entries judged or more.",
        ),
    ),
)

#: Every group, in the order in which the file has them.
GROUPS = (INDICATORS, QUARTER, MONITOR, ALERTS)
