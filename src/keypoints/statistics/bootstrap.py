"""How far a mean is to be trusted: how it moves when its faces, or their photos, are drawn anew."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

Array = NDArray[np.floating]
Interval = tuple[float, float]

N_RESAMPLES = 10_000
_CHUNK, _SEED = 500, 1
_TAIL = 0.025  # share of the draws on either side of an interval


@dataclass(frozen=True)
class Difference:
    """What one side scores minus what another does, on the same faces.

    Attributes:
        difference: Below zero where the former is better.
        interval: 95 % of the draws of faces differ by so much.
    """

    difference: float
    interval: Interval

    @property
    def is_significant(self) -> bool:
        """Whether nearly every draw of faces agrees on which one is better."""
        return self.interval[0] > 0 or self.interval[1] < 0


def bootstrap_means(sums: Array, counts: NDArray[np.integer]) -> Array:
    """The mean of each draw of units with replacement: the same draws for as many units.

    Args:
        sums: Of the values of each unit, which is a face or all faces of a photo, (n_units,).
        counts: How many values each unit has, (n_units,).

    Returns:
        (DRAWS,).

    Source: Efron, Bootstrap methods: another look at the jackknife, 1979.
    """
    rng, means = np.random.default_rng(_SEED), []
    for _ in range(N_RESAMPLES // _CHUNK):
        drawn = rng.integers(len(sums), size=(_CHUNK, len(sums)))
        means.append(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1))
    return np.concatenate(means)


def confidence_interval(drawn: Array, n_units: int) -> Interval:
    """The middle 95 % of the draws, and a little more where few units were drawn from.

    Draws of n units spread too little by sqrt(1 - 1 / n), and as if their spread were known: both
    are made good by where the interval is cut off.

    Args:
        drawn: A value of each draw, (n_draws,).
        n_units: That were drawn from.

    Source: Hesterberg, What teachers should know about the bootstrap, 2015 (expanded percentiles).
    """
    if n_units < 2:
        return -np.inf, np.inf
    reach = np.sqrt(n_units / (n_units - 1)) * stdtrit(n_units - 1, _TAIL)
    beyond = 100 * float(ndtr(reach))
    low, high = np.percentile(drawn, (beyond, 100 - beyond))
    return float(low), float(high)


def interval_text(interval: Interval) -> str:
    """An interval as lines for a terminal show it."""
    return f"95 % interval {interval[0]:.4f} to {interval[1]:.4f}"
