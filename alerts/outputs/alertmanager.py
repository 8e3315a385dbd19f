"""What Alertmanager posts to its webhook receivers (version 4), so that whatever takes its alerts takes ours.

One request tells of one deal: its group. What opened, changed or ended there since the last one is its alerts, each
with the signal's id as its fingerprint, which is how receivers recognise what they have seen. A secret travels as
`Authorization: Bearer`, which is what Alertmanager sends for `http_config.authorization`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import msgspec

from alerts.outputs.target import Request, Target
from topics.signals import Signal, Step

VERSION = "4"
#: Alertmanager's word for "not over yet": the zero of Go's time.
NOT_OVER = "0001-01-01T00:00:00Z"
FIRING, RESOLVED = "firing", "resolved"


def requests(target: Target, signals: Sequence[Signal], _now_us: int) -> list[Request]:
    """One request per run of transitions of one deal; of a signal that stands there twice, the last."""
    runs = groupby(signals, key=lambda signal: signal.subject_key)
    return [_request(target, subject, tuple(run)) for subject, run in runs]


def _request(target: Target, subject: str, signals: tuple[Signal, ...]) -> Request:
    last = {signal.id: signal for signal in signals}
    alerts = [_alert(signal) for signal in last.values()]
    firing = any(alert["status"] == FIRING for alert in alerts)
    body = {
        "version": VERSION,
        "groupKey": f'{{}}:{{subject="{subject}"}}',
        "truncatedAlerts": 0,
        "status": FIRING if firing else RESOLVED,
        "receiver": target.name,
        "groupLabels": {"subject": subject},
        "commonLabels": _common([alert["labels"] for alert in alerts]),
        "commonAnnotations": _common([alert["annotations"] for alert in alerts]),
        "externalURL": "",
        "alerts": alerts,
    }
    headers = {"Content-Type": "application/json"}
    if target.secret is not None:
        headers["Authorization"] = f"Bearer {target.secret.decode()}"
    return Request(msgspec.json.encode(body), headers, signals)


def _alert(signal: Signal) -> dict[str, Any]:
    over = signal.transition is Step.RESOLVED
    return {
        "status": RESOLVED if over else FIRING,
        "labels": _without_empty(
            {
                "alertname": signal.kind.value,
                "severity": signal.severity.value,
                "family": signal.family.value,
                "subject": signal.subject_key,
                "deal": signal.deal_id,
                "pipeline": signal.pipeline,
                "team": signal.team,
                "owner": signal.owner or signal.owner_id,
            }
        ),
        "annotations": _without_empty(
            {
                "summary": f"{signal.deal_name or signal.subject_key}: {signal.kind.value}",
                "description": signal.reason,
                "resolution": signal.resolution.value if signal.resolution else "",
                "playbook": signal.playbook,
            }
        ),
        "startsAt": signal.opened_at,
        "endsAt": signal.occurred_at if over else NOT_OVER,
        "generatorURL": "",
        "fingerprint": signal.id,
    }


def _without_empty(texts: Mapping[str, str]) -> dict[str, str]:
    """An empty label is no label to Alertmanager."""
    return {name: text for name, text in texts.items() if text}


def _common(texts: list[dict[str, str]]) -> dict[str, str]:
    """What stands in all of them alike."""
    first, *others = texts
    return {name: text for name, text in first.items() if all(other.get(name) == text for other in others)}
