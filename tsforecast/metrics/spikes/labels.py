"""What counts as a spike, and which windows have one."""

from dataclasses import dataclass

import numpy as np

from tsforecast.metrics.arrays import Array, Flags


@dataclass(frozen=True)
class SpikeRule:
    """What counts as a spike, as an event and as a hit.

    Args:
        threshold: Rise over the last input, in the target's unit and above 0, beyond which a step is a spike.
        lead: Rows from the last input to the first target, at least 1.
        min_gap: Rows between the onsets of two events, at least 1; a lasting alarm is raised again after them.
        tolerance: Rows by which an alarm may be early or late and still hit, at least 0.
        rows_per_day: Rows of the series in a day, above 0.
        stride: Rows between two windows, at least 1.

    Raises:
        ValueError: A value is out of its range.

    Example:
        >>> rule = SpikeRule(threshold=1.5, lead=1, min_gap=3, tolerance=1, rows_per_day=1440)
        >>> rule.stride
        1
    """

    threshold: float
    lead: int
    min_gap: int
    tolerance: int
    rows_per_day: float
    stride: int = 1

    def __post_init__(self) -> None:
        for name, least in (("lead", 1), ("min_gap", 1), ("tolerance", 0), ("stride", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}, expected at least {least}")
        for name in ("threshold", "rows_per_day"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}, expected more than 0")


def threshold_from_quantile(training_values: Array, lead: int, horizon: int, quantile: float) -> float:
    """Return the quantile of the rises on training rows, NaN where no rise is observed.

    Args:
        training_values: ``[N]`` in the target's unit, NaN where unobserved.
        lead: Rows from the last input to the first target, at least 1.
        horizon: Steps, at least 1.
        quantile: In (0, 1): 0.95 makes one training window in twenty a spike.

    Raises:
        ValueError: ``quantile`` is out of its range.
    """
    if not 0 < quantile < 1:
        raise ValueError(f"quantile is {quantile}, expected a number between 0 and 1")
    count = len(training_values) - lead - horizon + 1
    if count < 1:
        return float("nan")
    rise = np.full(count, -np.inf)
    # A NaN stays: a window with an unobserved step has no known rise.
    for step in range(lead, lead + horizon):
        rise = np.maximum(rise, training_values[step : step + count] - training_values[:count])
    rise = rise[~np.isnan(rise)]
    return float(np.quantile(rise, quantile)) if len(rise) else float("nan")


def label_spikes(truth: Array, origin: Array, threshold: float) -> tuple[Flags, Flags]:
    """Label the windows that have a spike, and those of which it is known whether they have one.

    Args:
        truth: ``[n, H]``, NaN where unobserved.
        origin: ``[n]`` the target at the last input row.
        threshold: Rise in the target's unit.

    Returns:
        ``spike`` and ``known``, each ``[n]``. One observed spike step is enough to know; that there is none is known
        only where every step is observed.
    """
    rise = truth - origin[:, None]
    spike = np.any(rise > threshold, axis=1)
    return spike, spike | ~np.isnan(rise).any(axis=1)
