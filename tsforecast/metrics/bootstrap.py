"""Confidence intervals of RMSEs and of their differences, on windows whose errors are correlated in time."""

import dataclasses

import numpy as np
import numpy.typing as npt

from tsforecast.metrics.window_errors import WindowErrors

RESAMPLES = 4000
MIN_BLOCKS = 20
LEVEL = 0.95

Values = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Interval:
    """A figure with its confidence interval at ``LEVEL``.

    Args:
        value: The figure.
        low: Lower end.
        high: Upper end.

    Example:
        >>> Interval(0.2, low=0.1, high=0.3).excludes_zero
        True
    """

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether chance alone is an unlikely reason for the figure's sign."""
        return self.low > 0 or self.high < 0


def block_length(windows: int, reach: int) -> int:
    """Return the windows per block: a fiftieth of them, but at least ``reach``, the span over which targets overlap."""
    return max(windows // 50, reach, 1)


def rmse_interval(errors: WindowErrors, reach: int) -> Interval | None:
    """Return the RMSE with its interval; None where there are too few windows for one.

    Args:
        errors: Errors of a run.
        reach: Rows from a window's end to its last target.
    """
    sums = sum_blocks(errors, reach)
    if sums is None:
        return None
    draws = _draw_blocks(len(sums[0]))
    return _interval(_rmse(*(part.sum() for part in sums)), _rmse(*(draws @ part for part in sums)))


def rmse_difference(errors: WindowErrors, reference: WindowErrors, reach: int) -> Interval | None:
    """Return by how much the RMSE is above the reference's, on the windows that both scored, drawn in pairs.

    A difference is often far more certain than either RMSE, because hard hours are hard for both.

    Args:
        errors: Errors of one run.
        reference: Errors of the other run.
        reach: Rows from a window's end to its last target.

    Returns:
        None where fewer than ``MIN_BLOCKS`` blocks are shared.

    Source:
        Moving to blocks: Künsch (1989), "The jackknife and the bootstrap for general stationary observations"; here
        with adjacent blocks instead of overlapping ones, in the percentile form.
    """
    shared = np.intersect1d(errors.ends, reference.ends, assume_unique=True)
    ours, theirs = (sum_blocks(part.select(shared), reach) for part in (errors, reference))
    if ours is None or theirs is None:
        return None
    draws = _draw_blocks(len(ours[0]))
    value = _rmse(*(part.sum() for part in ours)) - _rmse(*(part.sum() for part in theirs))
    differences = _rmse(*(draws @ part for part in ours)) - _rmse(*(draws @ part for part in theirs))
    return _interval(value, differences)


def sum_blocks(errors: WindowErrors, reach: int) -> tuple[Values, Values] | None:
    """Return squared errors and counts ``[blocks]`` summed over each block; None for fewer than ``MIN_BLOCKS`` blocks.

    Windows after the last whole block join it.

    Args:
        errors: Errors of a run.
        reach: Rows from a window's end to its last target.
    """
    length = block_length(len(errors.ends), reach)
    blocks = len(errors.ends) // length
    if blocks < MIN_BLOCKS:
        return None
    starts = np.arange(blocks) * length
    squared = np.add.reduceat(errors.squared.astype(np.float64), starts)
    return squared, np.add.reduceat(errors.count.astype(np.float64), starts)


def _draw_blocks(blocks: int) -> Values:
    """How often each block is drawn, ``[RESAMPLES, blocks]``; always the same draws."""
    generator = np.random.default_rng(0)
    return generator.multinomial(blocks, np.full(blocks, 1 / blocks), size=RESAMPLES).astype(np.float64)


def _rmse(squared: npt.ArrayLike, count: npt.ArrayLike) -> Values:
    return np.sqrt(np.asarray(squared, np.float64) / np.maximum(count, 1))


def _interval(value: npt.NDArray[np.float64], draws: Values) -> Interval:
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return Interval(float(value), float(low), float(high))
