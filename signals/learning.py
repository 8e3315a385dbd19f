"""Learning as time passes: the stays of all deals in a keyed store, fitted again from time to time.

A fit counts when it differs enough from what was learned last: people must not see limits move by an hour every night,
and every switch of definitions asks every deal anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec
import numpy as np

from playbook.kinds import MIN_N
from signals.baselines import Baselines, Measure, Row
from signals.drift import LEARNED, changes_of
from signals.fitting import Samples, fit
from signals.keyed import Keyed
from signals.rules import Rules
from signals.worth import Worth, noise_of, worth_of
from topics.dwells import Dwell, DwellId, DwellRecord, DwellUndone
from topics.indicators import WINDOW_DAYS, PaceFigures
from topics.instants import DAY_US, rfc3339

#: How long after a fit the next one is due.
FIT_EVERY_US = DAY_US
#: A limit that moves by less than this share of itself has not changed.
ENOUGH = 0.1
#: The quantiles that are compared: those that the catalogue's limits come from, and the middle.
_COMPARED = (0.25, 0.5, 0.75, 0.9, 0.975)

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Dwell).decode


class Meta(msgspec.Struct, array_like=True):
    """What is kept beside the stays: when was fitted last, and of how many."""

    fitted_us: int = 0
    fitted_n: int = 0


META_KEY = b""
_decode_meta = msgspec.msgpack.Decoder(Meta).decode


class Fitted(NamedTuple):
    """What a fit gave, as of T, of so many stays.

    `refused`: the limits that it does not give, since they would be noise; `paces`: whether the stages have become
    slower or faster.
    """

    baselines: Baselines
    refused: list[Worth]
    paces: list[PaceFigures]
    at_us: int
    n: int


class Learner:
    """The stays in a store, and when they are fitted."""

    def __init__(self, store: Keyed) -> None:
        self._store = store
        meta = store.get(META_KEY)
        self._meta = Meta() if meta is None else _decode_meta(meta)
        self.n = sum(1 for key, _ in store.items() if key != META_KEY)

    def take(self, record: DwellRecord) -> None:
        """Keep a stay as it is now, or let go of it."""
        key = _key(record.identity)
        known = self._store.get(key) is not None
        if isinstance(record, DwellUndone):
            self.n -= known
            if known:
                self._store.put(key, None)
            return
        self.n += not known
        self._store.put(key, _encode(record))

    def is_due(self, at_us: int, *, is_new: bool = False) -> bool:
        """Whether it is time to fit: in a new process, a day later, or when there is twice as much to learn from."""
        meta = self._meta
        return self.n >= MIN_N and (is_new or at_us - meta.fitted_us >= FIT_EVERY_US or self.n >= 2 * meta.fitted_n)

    def stays(self) -> list[bytes]:
        """A copy of what is kept, for a `fitted` elsewhere."""
        return [value for key, value in self._store.items() if key != META_KEY]

    def note(self, fitted: Fitted) -> None:
        """Remember that a fit was made, whatever comes of it."""
        self._meta = Meta(fitted.at_us, fitted.n)
        self._store.put(META_KEY, _encode(self._meta))


def fitted(stays: Iterable[bytes], rules: Rules, at_us: int, made_at: str) -> Fitted:
    """Fit what a learner keeps; takes 10 microseconds per stay."""
    samples = Samples()
    for value in stays:
        samples.add(_decode(value))
    baselines, refused = _without_noise(rules, samples, fit(samples, at_us, made_at), at_us)
    return Fitted(baselines, refused, paces_of(samples, at_us, rules.version), at_us, samples.n)


def _without_noise(rules: Rules, samples: Samples, baselines: Baselines, at_us: int) -> tuple[Baselines, list[Worth]]:
    """The baselines without the limits that are not worth an interruption, and those limits.

    Their curves are cut before them, so that there is no limit, and no fixed one either, where one would be noise.
    """
    refused: list[Worth] = []
    while noise := noise_of(worth_of(rules.with_baselines(baselines), samples, at_us)):
        refused += noise
        baselines = _cut(baselines, noise)
    return baselines, refused


def _cut(baselines: Baselines, noise: Iterable[Worth]) -> Baselines:
    shares: dict[tuple[Measure, str, str, str | None], float] = {}
    for one in noise:
        if one.learned is not None:
            measure = Measure.DWELL if one.group.stage else Measure.CYCLE
            name = (measure, one.group.pipeline, one.group.stage, one.learned.segment)
            shares[name] = min(shares.get(name, 1.0), one.learned.quantile)
    rows = [
        row.cut(shares[name]) if (name := (row.measure, row.pipeline, row.stage, row.segment)) in shares else row
        for row in baselines.rows
    ]
    return Baselines(rows, baselines.made_at)


def paces_of(samples: Samples, at_us: int, playbook: str) -> list[PaceFigures]:
    """The pace of every stage and segment of which enough is known, as of T: its last change within the window."""
    found: list[PaceFigures] = []
    for group, from_us, until_us in samples.spans():
        if np.count_nonzero(until_us <= at_us) <= LEARNED:
            continue
        changes = [one for one in changes_of(from_us, until_us, at_us) if one.at_us >= at_us - WINDOW_DAYS * DAY_US]
        last = changes[-1] if changes else None
        found.append(
            PaceFigures(
                **group._asdict(),
                ratio=1.0 if last is None else round(last.ratio, 3),
                since="" if last is None else rfc3339(last.since_us),
                n=0 if last is None else last.n,
                as_of=rfc3339(at_us),
                playbook=playbook,
            )
        )
    return sorted(found, key=pace_key)


def pace_key(pace: PaceFigures) -> str:
    """The key on the topic `pipeline.indicators`."""
    return msgspec.json.encode(["pace", pace.pipeline, pace.stage, pace.segment]).decode()


def differs(before: Baselines, after: Baselines, min_n: int = MIN_N) -> bool:
    """Whether any limit that could come of them has moved enough, is new, or is gone."""
    old, new = _limits(before, min_n), _limits(after, min_n)
    if old.keys() != new.keys():
        return True
    return any(abs(new[name] - limit_us) > ENOUGH * limit_us for name, limit_us in old.items())


def _limits(baselines: Baselines, min_n: int) -> dict[tuple[str, str, str, str | None, float], int]:
    return {name: limit_us for row in baselines.rows if row.events >= min_n for name, limit_us in _of_row(row)}


def _of_row(row: Row) -> Iterator[tuple[tuple[str, str, str, str | None, float], int]]:
    for share in _COMPARED:
        limit_us = row.quantile_us(share)
        if limit_us is not None:
            yield (row.measure, row.pipeline, row.stage, row.segment, share), limit_us


def _key(identity: DwellId) -> bytes:
    return _encode(identity)
