"""Confidence intervals of RMSEs and of their differences, on windows whose errors hang together in time."""

import dataclasses

import numpy as np
import numpy.typing as npt

from tsforecast.metrics.window_errors import WindowErrors

RESAMPLES = 4000
MIN_BLOCKS = 20
LEVEL = 0.95


@dataclasses.dataclass(frozen=True)
class Interval:
    """A figure with its interval at ``LEVEL``."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether chance alone is an unlikely reason for the figure's sign."""
        return self.low > 0 or self.high < 0


def block_length(windows: int, reach: int) -> int:
    """Windows in a block: a fiftieth of them, but at least ``reach``, the span over which targets overlap or follow."""
    return max(windows // 50, reach, 1)


def rmse_interval(errors: WindowErrors, reach: int) -> Interval | None:
    """The RMSE with its interval; None where there are too few windows for one."""
    sums = _block_sums(errors, reach)
    if sums is None:
        return None
    drawn = _resampled(len(sums[0]))
    return _interval(_rmse(*(part.sum() for part in sums)), _rmse(*(drawn @ part for part in sums)))


def rmse_difference(errors: WindowErrors, reference: WindowErrors, reach: int) -> Interval | None:
    """By how much the RMSE is above the reference's, on the windows that both scored, drawn in pairs.

    A difference is often far surer than either RMSE, because hard hours are hard for both.

    Args:
        errors: of one run.
        reference: of the other.
        reach: rows from a window's end to its last target.

    Returns:
        None where fewer than ``MIN_BLOCKS`` blocks are shared.

    Source:
        Moving to blocks: Künsch (1989), "The jackknife and the bootstrap for general stationary observations"; here
        with blocks side by side instead of overlapping, in the percentile form.
    """
    shared = np.intersect1d(errors.ends, reference.ends, assume_unique=True)
    ours, theirs = (_block_sums(one.at(shared), reach) for one in (errors, reference))
    if ours is None or theirs is None:
        return None
    drawn = _resampled(len(ours[0]))
    value = _rmse(*(part.sum() for part in ours)) - _rmse(*(part.sum() for part in theirs))
    differences = _rmse(*(drawn @ part for part in ours)) - _rmse(*(drawn @ part for part in theirs))
    return _interval(value, differences)


def _block_sums(errors: WindowErrors, reach: int) -> tuple[npt.NDArray, npt.NDArray] | None:
    """Squared errors and counts summed over each block; windows after the last whole block join it."""
    length = block_length(len(errors.ends), reach)
    blocks = len(errors.ends) // length
    if blocks < MIN_BLOCKS:
        return None
    starts = np.arange(blocks) * length
    squared = np.add.reduceat(errors.squared.astype(np.float64), starts)
    return squared, np.add.reduceat(errors.count.astype(np.float64), starts)


def _resampled(blocks: int) -> npt.NDArray:
    """How often each block is drawn, ``[RESAMPLES, blocks]``; always the same draws."""
    generator = np.random.default_rng(0)
    return generator.multinomial(blocks, np.full(blocks, 1 / blocks), size=RESAMPLES).astype(np.float64)


def _rmse(squared: npt.ArrayLike, count: npt.ArrayLike) -> npt.NDArray:
    return np.sqrt(np.asarray(squared) / np.maximum(count, 1))


def _interval(value: npt.ArrayLike, drawn: npt.NDArray) -> Interval:
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Interval(float(value), float(low), float(high))  # type: ignore[arg-type]
