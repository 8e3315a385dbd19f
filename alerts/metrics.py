"""Every metric of the voice: name, help, labels. Labels are bounded (law 12): kinds, reasons, routes, methods.

One `Metrics` per program, on the registry that the program exposes.
"""

from __future__ import annotations

from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from alerts.reasons import Reason
from alerts.values import Op

REQUEST_BUCKETS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
DONE = "done"
"""A delivery that was said or edited, as an outcome."""

REPLY = "reply"
"""What stands in a message's thread, as the kind of a message; the others are those of `Op`."""

FAILURES = (Reason.MESSAGE_GONE, Reason.MESSAGE_REFUSED, Reason.RECIPIENT_REFUSED, Reason.GAVE_UP)
"""Why a delivery came to nothing."""

TOLD_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21600.0)


class CallMetrics:
    """Calls of Slack's API, whoever makes them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "signals_alerts_slack_replies",
            "Replies of Slack's API by method and meaning.",
            ("method", "meaning"),
            registry=registry,
        )
        self.request_seconds = Histogram(
            "signals_alerts_slack_request_seconds",
            "Duration of calls to Slack's API.",
            ("method",),
            buckets=REQUEST_BUCKETS,
            registry=registry,
        )
        self.waited = Counter(
            "signals_alerts_slack_waited_seconds",
            "Seconds waited before the next call, by the meaning of the reply that asked for it.",
            ("meaning",),
            registry=registry,
        )


class Pressing(StrEnum):
    """What became of a press in Slack."""

    TAKEN = "taken"
    ASKED = "asked"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    OTHER_TEAM = "other_team"
    OVER = "over"
    FAILED = "failed"


class PressMetrics(CallMetrics):
    """What people do in Slack, for whoever answers them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self.presses = Counter(
            "signals_alerts_presses",
            "Presses in Slack: taken (kept), asked (a form opened), refused (not theirs to do), unknown (nobody of the "
            "playbook), other_team, over (or only for RevOps), failed.",
            ("kind", "outcome"),
            registry=registry,
        )


class Metrics(CallMetrics):
    """The voice's metrics on one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self.decisions = Counter(
            "signals_alerts_decisions",
            "Decisions about one transition and one recipient, by their reason.",
            ("kind", "reason"),
            registry=registry,
        )
        self.actions = Counter(
            "signals_alerts_actions",
            "What people did about signals: passed on to who has heard of the signal, unless nobody had.",
            ("kind", "outcome"),
            registry=registry,
        )
        self.unreadable = Counter(
            "signals_alerts_unreadable",
            "Records put aside because they could not be understood.",
            ("topic", "reason"),
            registry=registry,
        )
        self.routed = Counter(
            "signals_alerts_routed",
            "Intents sent to a routing topic.",
            ("route",),
            registry=registry,
        )
        self.not_routed = Counter(
            "signals_alerts_not_routed",
            "Transitions that went to no routing topic, by their reason.",
            ("reason",),
            registry=registry,
        )
        self.messages = Counter(
            "signals_alerts_messages",
            "Deliveries that came to an end: done, or the reason why not.",
            ("op", "outcome"),
            registry=registry,
        )
        for op in (*Op, REPLY):  # from zero, so that the first failure is an increase
            for outcome in (DONE, *FAILURES):
                self.messages.labels(str(op), str(outcome))
        self.fallbacks = Counter(
            "signals_alerts_fallbacks",
            "Messages that went to the fallback channel, by the reason.",
            ("reason",),
            registry=registry,
        )
        self.ledger = Counter(
            "signals_alerts_ledger_transitions",
            "Entries of the ledger that became intended, said or failed.",
            ("state",),
            registry=registry,
        )
        self.look_ups = Counter(
            "signals_alerts_look_ups",
            "Searches for a message after an unclear answer, by what came of them: found, missing or impossible.",
            ("result",),
            registry=registry,
        )
        self.possible_doubles = Counter(
            "signals_alerts_possible_doubles",
            "Messages said again although an earlier attempt could not be ruled out.",
            registry=registry,
        )
        self.barred = Gauge(
            "signals_alerts_slack_barred",
            "1 while Slack refuses the token, its scopes or the address, so that nothing can be said.",
            registry=registry,
        )
        self.told_seconds = Histogram(
            "signals_alerts_told_seconds",
            "From the detection of a signal to the first message about it.",
            buckets=TOLD_BUCKETS,
            registry=registry,
        )


class ForwardMetrics:
    """The metrics of `forward` on one registry."""

    def __init__(self, registry: CollectorRegistry, target: str) -> None:
        self.requests = Counter(
            "signals_forward_requests",
            "Requests to a target of the settings, by its answer: taken, refused, limited, barred or ambiguous.",
            ("target", "answer"),
            registry=registry,
        )
        for said in ("taken", "refused", "limited", "barred", "ambiguous"):
            self.requests.labels(target, said)
