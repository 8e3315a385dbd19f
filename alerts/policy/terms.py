"""The alert policy of one version of the playbook, ready to be asked: tables turned round, calendars built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from alerts.audience import Directory, Hearer, ladder, response_to
from alerts.values import Recipient
from playbook.alerting import Alerts, Inhibition
from playbook.calendars import BusinessTime, Calendars
from playbook.model import Playbook
from topics.instants import DAY_US, HOUR_US, SECOND_US
from topics.signals import Kind, Severity, Signal

#: From info to critical.
GRAVITY: dict[Severity, int] = {severity: place for place, severity in enumerate(Severity)}
Rates: TypeAlias = Mapping[str, float]


class Terms(NamedTuple):
    """What the policy asks of the definitions. Get it from `terms_of`."""

    version: str
    playbook: Playbook
    directory: Directory
    calendars: Calendars
    inhibitors: dict[Kind, tuple[Inhibition, ...]]
    rates: Rates

    @property
    def alerts(self) -> Alerts:
        """The numbers and tables."""
        return self.playbook.alerts

    def hours(self, recipient: Recipient) -> BusinessTime:
        """The recipient's business time; a channel's is everybody's."""
        return self.calendars.of(None if recipient.channel else self.directory.find(recipient.name))

    def settle_us(self, severity: Severity) -> int:
        """How long a signal of this severity must hold."""
        settle = self.alerts.settle
        return round((settle.critical_seconds if severity is Severity.CRITICAL else settle.seconds) * SECOND_US)

    def group_us(self, severity: Severity) -> int:
        """How long a signal of this severity waits for others."""
        group = self.alerts.group
        return round((group.critical_seconds if severity is Severity.CRITICAL else group.seconds) * SECOND_US)

    def wakes(self, signal: Signal) -> bool:
        """Whether the playbook wants people to hear of this kind at any hour."""
        return response_to(self.playbook, signal).wake

    def answer_us(self, signal: Signal, recipient: Recipient, told_us: int) -> int:
        """When something must have changed, in the recipient's business time; 0 where the playbook sets no limit.

        From a day on the limit counts business days, below it business hours.
        """
        hours = response_to(self.playbook, signal).within_hours
        if hours is None or GRAVITY[signal.severity] < GRAVITY[self.alerts.escalate_from]:
            return 0
        span_us, time = round(hours * HOUR_US), self.hours(recipient)
        return time.after_days(told_us, span_us) if span_us >= DAY_US else time.after_hours(told_us, span_us)

    def next_rung(self, signal: Signal, told: tuple[str, ...]) -> Hearer | None:
        """Who is told next when nothing changed; None when there is nobody left."""
        rungs = ladder(self.playbook, self.directory, signal)
        return next((each for each in rungs if each.recipient.key not in told), None)

    def money(self, signal: Signal) -> float:
        """The deal's amount in base currency; a currency without a rate counts as it stands."""
        return (signal.amount or 0.0) * self.rates.get(signal.currency, 1.0)


def terms_of(playbook: Playbook, version: str, directory: Directory, rates: Rates) -> Terms:
    """The terms of a playbook. `rates`: what one unit of a currency is worth in base currency."""
    inhibitors: dict[Kind, tuple[Inhibition, ...]] = {}
    for row in playbook.alerts.inhibitions:
        for kind in row.kinds:
            inhibitors[kind] = (*inhibitors.get(kind, ()), row)
    return Terms(version, playbook, directory, Calendars(playbook), inhibitors, rates)
