"""How well forecast probabilities of a spike match how often there is one."""

from typing import TypedDict

import numpy as np

from tsforecast.metrics.arrays import Array, Flags, ratio

BINS = 10


class Reliability(TypedDict):
    """A reliability curve over bins that have any window.

    Args:
        probability: Mean forecast probability in each bin.
        share: Share of the windows in each bin that have a spike.
        count: Number of windows in each bin.
    """

    probability: list[float]
    share: list[float]
    count: list[int]


def brier_score(spike: Flags, probability: Array) -> float:
    """Return the mean squared difference of probabilities and outcomes; NaN without a window.

    Args:
        spike: ``[n]``.
        probability: ``[n]`` in [0, 1].

    Source: Brier (1950), Verification of Forecasts Expressed in Terms of Probability.

    Example:
        >>> brier_score(np.array([True, False]), np.array([0.5, 0.1])).__round__(4)
        0.13
    """
    return ratio(float(np.sum((probability - spike) ** 2, dtype=np.float64)), len(spike))


def reliability_curve(spike: Flags, probability: Array, bins: int = BINS) -> Reliability:
    """Return how often there is a spike at forecast probabilities, in bins of equal numbers of windows.

    Spikes are rare, so bins of equal width would leave nearly all windows in the first. Equal
    probabilities share a bin.

    Args:
        spike: ``[n]``.
        probability: ``[n]`` in [0, 1].
        bins: Largest number of bins.

    Example:
        >>> curve = reliability_curve(np.array([False, False, True, True]), np.array([0.1, 0.1, 0.8, 0.6]), bins=2)
        >>> [round(value, 2) for value in curve["probability"]], curve["share"], curve["count"]
        ([0.1, 0.7], [0.0, 1.0], [2, 2])
    """
    if not len(spike):
        return {"probability": [], "share": [], "count": []}
    edges = np.quantile(probability, np.arange(1, bins) / bins)
    index = np.searchsorted(np.unique(edges), probability, side="left")
    counts = np.bincount(index, minlength=bins)
    kept = np.flatnonzero(counts)
    sums, spikes = (
        np.bincount(index, weights=values, minlength=bins)[kept] for values in (probability, spike)
    )
    return {
        "probability": (sums / counts[kept]).tolist(),
        "share": (spikes / counts[kept]).tolist(),
        "count": counts[kept].tolist(),
    }


def expected_calibration_error(curve: Reliability) -> float:
    """Return the mean distance of a reliability curve from the diagonal, weighted by windows; NaN without one.

    Source: Naeini, Cooper & Hauskrecht (2015), Obtaining Well Calibrated Probabilities Using Bayesian Binning; here
        with bins of equal numbers of windows (Nguyen & O'Connor 2015).

    Example:
        >>> expected_calibration_error({"probability": [0.1, 0.7], "share": [0.0, 1.0], "count": [2, 2]}).__round__(4)
        0.2
    """
    probability, share, count = (
        np.asarray(curve[key], np.float64) for key in ("probability", "share", "count")
    )
    return ratio(float(np.sum(count * np.abs(probability - share))), float(count.sum()))
