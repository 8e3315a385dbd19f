"""Every metric of the brain: name, help, labels. Labels are bounded by the playbook and by enums (law 12)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product
from typing import Protocol, TypeAlias

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from signals.indicators import Daily, Totals
from signals.money import Exchange
from signals.rules import NO_RATES
from signals.standing import Cell
from signals.step import Fate
from topics.instants import HOUR_US, SECOND_US
from topics.signals import Kind, Severity, Step

_CELL = ("pipeline", "segment", "team")
_GATE = ("pipeline", "stage", "team")
#: The values of a family's labels, and the number.
Sample: TypeAlias = tuple[tuple[str, ...], float]

#: So many currencies, and teams (the CRM may name them), have a label of their own; the others share one (law 12).
MAX_CURRENCIES, MAX_TEAMS = 32, 64
OTHER = "other"

#: So much of a version tells it from others. As many series as versions count at present: one, or two in a switch.
SHORT_VERSION = len("sha256:") + 12
#: What becomes of a row.
OUTCOMES = ("events", "silent", "rejected")
#: What becomes of an event that cannot be folded at all.
UNDECODABLE = "undecodable"


class Served(Protocol):
    """A partition that is served here, as the metrics read it."""

    totals: Totals
    known_deals: int

    @property
    def number(self) -> int:
        """The partition's number."""

    @property
    def tick_us(self) -> int:
        """Its last tick."""

    @property
    def version(self) -> str:
        """The version of the definitions that count there."""

    @property
    def switched(self) -> bool:
        """Whether its log has named them."""

    @property
    def behind(self) -> int:
        """How many deals have yet to be judged by them, at most."""


class InputMetrics:
    """What came in, and what became of it."""

    def __init__(self, registry: CollectorRegistry, sources: Iterable[str] = ()) -> None:
        self.rows = Counter(
            "signals_rows", "Rows read from a source, by what became of them.", ("source", "outcome"), registry=registry
        )
        self.silent = Counter(
            "signals_rows_silent", "Rows that say nothing to us, by rule.", ("source", "reason"), registry=registry
        )
        self.rejected = Counter(
            "signals_rows_rejected", "Rows that could not be understood.", ("source", "reason"), registry=registry
        )
        self.dirt = Counter(
            "signals_rows_dirt", "Repairs and gaps in rows that became events.", ("source", "what"), registry=registry
        )
        for source in sources:  # a series that begins at its first reject would hide that one from `increase`
            for outcome in OUTCOMES:
                self.rows.labels(source, outcome)


class JoinMetrics:
    """What the join saw and sent on."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.events = Counter("signals_join_events", "Events read by the join.", ("type",), registry=registry)
        self.events.labels(UNDECODABLE)  # from zero, so that the first one is an increase
        self.sent = Counter(
            "signals_join_sent",
            "Events sent on: to deals, or to those through whom they reach deals.",
            ("topic", "type"),
            registry=registry,
        )
        self.opened = Counter(
            "signals_join_opened",
            "Signals that are of no deal, opened by the join: intents, values that nobody defined.",
            registry=registry,
        )


class DetectMetrics:
    """What the brain folded and said, and the sums of the deals that are served here."""

    def __init__(
        self, registry: CollectorRegistry, served: Callable[[], Iterable[Served]], exchange: Exchange = NO_RATES
    ) -> None:
        self.events = Counter(
            "signals_events",
            "Events folded into deals, by their fate: folded, refolded, duplicate, too_late, undecodable.",
            ("fate",),
            registry=registry,
        )
        for fate in (*Fate, UNDECODABLE):  # from zero, so that the first too late event is an increase
            self.events.labels(str(fate))
        self.transitions = Counter(
            "signals_transitions",
            "Signals opened, updated and resolved.",
            ("kind", "severity", "transition"),
            registry=registry,
        )
        for kind, severity, step in product(Kind, Severity, Step):  # the same: the first of a kind counts
            self.transitions.labels(kind.value, severity.value, step.value)
        self.delay = Histogram(
            "signals_detection_delay_seconds",
            "From a change's arrival on deal.events to its signal.",
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
            registry=registry,
        )
        registry.register(_Sums(served, exchange))


class _Sums(Collector):
    """The indicators, read from the partitions' sums when Prometheus asks. PromQL adds up and divides."""

    def __init__(self, served: Callable[[], Iterable[Served]], exchange: Exchange) -> None:
        self._served, self._exchange = served, exchange

    def describe(self) -> Iterable[Metric]:
        """No names that depend on the state."""
        return self.collect()

    def collect(self) -> Iterator[Metric]:
        """One family per indicator."""
        served = list(self._served())
        totals = [one.totals for one in served]
        yield _family("signals_known_deals", "Deals with a state.", (), [((), sum(one.known_deals for one in served))])
        yield _family(
            "signals_last_tick_timestamp_seconds",
            "Every deal of the partition has been judged up to there.",
            ("partition",),
            [((str(one.number),), one.tick_us / SECOND_US) for one in served],
        )
        yield _family(
            "signals_definitions_partitions",
            "Partitions by the playbook that counts there, and whether its log has named it or it is the worker's own.",
            ("playbook", "named_by"),
            [((one.version[:SHORT_VERSION], "log" if one.switched else "file"), 1) for one in served],
        )
        yield _family(
            "signals_definitions_behind_deals",
            "Deals that have yet to be judged by the definitions that count now, at most.",
            (),
            [((), sum(one.behind for one in served))],
        )
        found = {cell.team for one in totals for cell in one.cells} | {
            gate.team for one in totals for gate in one.gates
        }
        teams = _few(found, MAX_TEAMS)
        cells = [
            (cell._replace(team=_named(cell.team, teams)), sums) for one in totals for cell, sums in one.cells.items()
        ]
        gates = [
            (gate._replace(team=_named(gate.team, teams)), days) for one in totals for gate, days in one.gates.items()
        ]
        yield _family(
            "signals_open_deals", "Open deals.", _CELL, [(cell, sums.open_deals) for cell, sums in cells if sums]
        )
        yield _family(
            "signals_deals_over_cycle",
            "Open deals past their segment's corridor.",
            _CELL,
            [(cell, sums.over_cycle) for cell, sums in cells],
        )
        yield _family(
            "signals_sql_criteria_deals",
            "Open deals at or past SQL, by whether they meet all SQL criteria.",
            (*_CELL, "answer"),
            [((*cell, answer.value), n) for cell, sums in cells for answer, n in sums.sql.items()],
        )
        yield _family(
            "signals_icp_deals",
            "Open deals, by whether they meet all ICP criteria.",
            (*_CELL, "answer"),
            [((*cell, answer.value), n) for cell, sums in cells for answer, n in sums.icp.items()],
        )
        yield _family(
            "signals_post_sql_deals",
            "Deals that reached SQL within 90 days, by whether they still meet its criteria or have closed.",
            (*_CELL, "answer"),
            [sample for cell, sums in cells for sample in _of_days(cell, sums.kept_sql)],
        )
        yield _family(
            "signals_gate_entries",
            "Entries into a stage within 90 days, by whether all criteria of its gate held then.",
            (*_GATE, "answer"),
            [sample for gate, days in gates for sample in _of_days(gate, days)],
        )
        for name, text, amounts in (
            ("open_amount", "Money open", [(cell, sums.cents) for cell, sums in cells]),
            ("at_risk_amount", "Money under a critical signal", [(cell, sums.at_risk_cents) for cell, sums in cells]),
        ):
            yield _family(
                f"signals_{name}", f"{text}, in units of the currency.", (*_CELL, "currency"), _amounts(amounts)
            )
            yield _family(
                f"signals_{name}_base",
                f"{text} in the base currency; currencies without a rate are not in it.",
                (*_CELL, "currency"),
                _in_base(amounts, self._exchange),
            )
        suspect = [(source, hour, n) for one in totals for (source, hour), n in one.suspect.items()]
        yield _family(
            "signals_suspect_deals",
            "Open deals on which nothing opens, since their source lost changes of them and they were not read again.",
            ("source",),
            [((source,), n) for source, _, n in suspect],
        )
        yield _family(
            "signals_suspect_since_timestamp_seconds",
            "The hour in which the first of them became so.",
            ("source",),
            [((source,), hour * HOUR_US / SECOND_US) for source, hour in _first_hours(suspect).items()],
        )
        yield _family(
            "signals_open_signals",
            "Signals that are open.",
            ("kind", "severity"),
            [((kind.value, grave.value), n) for one in totals for (kind, grave), n in one.signals.items()],
        )


def _first_hours(suspect: Iterable[tuple[str, int, int]]) -> dict[str, int]:
    """The first hour of each source."""
    first: dict[str, int] = {}
    for source, hour, _ in suspect:
        first[source] = min(hour, first.get(source, hour))
    return first


def _amounts(amounts: Iterable[tuple[Cell, Mapping[str, int]]]) -> list[Sample]:
    sums = [(cell, currency, cents) for cell, by_currency in amounts for currency, cents in by_currency.items()]
    named = _few({currency for _, currency, _ in sums}, MAX_CURRENCIES)
    return [((*cell, _named(currency, named)), cents / 100) for cell, currency, cents in sums]


def _few(names: set[str], most: int) -> frozenset[str]:
    """Those that have a label of their own."""
    return frozenset(sorted(names)[:most])


def _named(name: str, few: frozenset[str]) -> str:
    return name if name in few else OTHER


def _in_base(amounts: Iterable[tuple[Cell, Mapping[str, int]]], exchange: Exchange) -> list[Sample]:
    return [
        ((*cell, exchange.base), cents / 100 * rate)
        for cell, by_currency in amounts
        for currency, cents in by_currency.items()
        if (rate := exchange.rate(currency)) is not None
    ]


def _of_days(labels: tuple[str, ...], daily: Daily) -> list[Sample]:
    """A sample per day and answer; the family adds the days up."""
    return [((*labels, answer.value), n) for (_, answer), n in daily.items()]


def _family(
    name: str, text: str, labels: tuple[str, ...], samples: Iterable[tuple[tuple[str, ...], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    sums: dict[tuple[str, ...], float] = {}
    for values, number in samples:
        sums[values] = sums.get(values, 0.0) + number
    for values in sorted(sums):
        family.add_metric(values, sums[values])
    return family
