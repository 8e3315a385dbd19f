"""What the programs say of themselves on /metrics, as the few figures that the demo shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample


class Figures(NamedTuple):
    """One look at all programs. Counts are since their start."""

    rows: int
    rejected: int
    deals: int
    opened: Counter[str]
    resolved: Counter[str]
    open_now: Counter[str]
    messages: int
    edits: int
    routed: Counter[str]
    silent_programs: tuple[str, ...]

    def nothing_from(self) -> list[str]:
        """The parts of the path that produced nothing."""
        parts = {
            "ingest (no events)": self.rows - self.rejected,
            "detect (no deals)": self.deals,
            "detect (nothing opened)": self.opened.total(),
            "detect (nothing resolved)": self.resolved.total(),
            "send (no messages)": self.messages,
            "route (nothing routed)": self.routed.total(),
        }
        return [part for part, count in parts.items() if not count]


def look(addresses: Mapping[str, str]) -> Figures:
    """Ask every program. One that does not answer counts as nothing, and is named."""
    samples: list[Sample] = []
    silent: list[str] = []
    for name, address in addresses.items():
        try:
            samples += _scraped(address)
        except (URLError, TimeoutError, ConnectionError):
            silent.append(name)
    return _figures(samples, tuple(silent))


def _scraped(address: str) -> Iterator[Sample]:
    with urlopen(address, timeout=2) as answer:  # noqa: S310 - our own programs' loopback addresses
        text = answer.read().decode()
    for family in text_string_to_metric_families(text):
        yield from family.samples


def _figures(samples: Iterable[Sample], silent: tuple[str, ...]) -> Figures:
    by_name: dict[str, list[Sample]] = {}
    for sample in samples:
        by_name.setdefault(sample.name, []).append(sample)

    def count(name: str, label: str, **only: str) -> Counter[str]:
        counts: Counter[str] = Counter()
        for sample in by_name.get(name, ()):
            if all(sample.labels.get(key) == value for key, value in only.items()):
                counts[sample.labels.get(label, "")] += round(sample.value)
        return +counts

    rows = count("signals_rows_total", "outcome")
    said = count("signals_alerts_messages_total", "op", outcome="done")
    return Figures(
        rows=rows.total(),
        rejected=rows["rejected"],
        deals=count("signals_known_deals", "").total(),
        opened=count("signals_transitions_total", "kind", transition="opened"),
        resolved=count("signals_transitions_total", "kind", transition="resolved"),
        open_now=count("signals_open_signals", "kind"),
        messages=said["post"],
        edits=said["edit"],
        routed=count("signals_alerts_routed_total", "route"),
        silent_programs=silent,
    )
