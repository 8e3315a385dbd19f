"""The Kaplan-Meier estimate of how long something lasts, from what has ended and what still runs.

The estimator is scipy's; what is ours is the convention for a quantile: the share p has ended by the first t with
S(t) <= 1 - p, as `lifelines` and Kleinbaum & Klein have it, so that a curve which is exactly 1 - p over a stretch gives
its beginning. `docs/decisions/baselines.md` has the measurements.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats

Durations = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
#: S is a product of up to millions of factors: two that are equal on paper differ by less than this.
_SAME = 1e-9


class Curve:
    """S(t), the share that lasts longer than t. `ended` False: it lasted so long when it was last seen."""

    def __init__(self, durations: Durations, ended: Flags) -> None:
        self.n, self.events = len(durations), int(np.count_nonzero(ended))
        sample = stats.CensoredData(uncensored=durations[ended], right=durations[~ended])
        function = stats.ecdf(sample).sf if self.n else None
        self._times = np.empty(0) if function is None else function.quantiles
        self._shares = np.empty(0) if function is None else function.probabilities

    def survival(self, duration: int) -> float:
        """S(t); 1 before anything has ended."""
        place = int(np.searchsorted(self._times, duration, side="right"))
        return 1.0 if place == 0 else float(self._shares[place - 1])

    def quantile(self, share: float) -> int | None:
        """By when a share (0 to 1) has ended. None: the curve does not go down that far."""
        place = int(np.searchsorted(-self._shares, share - 1 - _SAME, side="left"))
        return None if place == len(self._shares) else int(self._times[place])

    def quantiles(self, steps: int) -> tuple[int, ...]:
        """The quantiles of 1/steps, 2/steps ... below 1, as far as the curve goes down."""
        shares = np.arange(1, steps) / steps
        places = np.searchsorted(-self._shares, shares - 1 - _SAME, side="left")
        return tuple(self._times[places[places < len(self._shares)]].astype(np.int64).tolist())
