"""The model confidence set: the models whose errors do not differ significantly from the best one."""

import importlib.util
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from tsforecast.metrics.bootstrap import sum_blocks
from tsforecast.metrics.window_errors import WindowErrors

LEVEL = 0.95
RESAMPLES = 1000


def has_arch() -> bool:
    """Whether the library that computes the set is installed (extra: confidence)."""
    return importlib.util.find_spec("arch") is not None


def model_confidence_set(errors: Mapping[str, Sequence[WindowErrors]], reach: int) -> dict[str, float] | None:
    """Return the p-value of each model; those above ``1 - LEVEL`` form the set that holds the best with ``LEVEL``.

    The loss is the mean squared error of a block of windows, averaged over the seeds of a model. The windows are those
    that all runs scored; blocks are as long as for the intervals of an RMSE.

    Args:
        errors: Model to the errors of its runs, at least two models.
        reach: Rows from a window's end to its last target.

    Returns:
        Model to p-value, or None where fewer than ``MIN_BLOCKS`` blocks are shared.

    Source: Hansen, Lunde & Nason (2011), The Model Confidence Set, with the range statistic; ``arch`` computes it.
    """
    from arch.bootstrap import MCS

    runs = [run for seeds in errors.values() for run in seeds]
    shared = runs[0].ends
    for run in runs[1:]:
        shared = np.intersect1d(shared, run.ends, assume_unique=True)
    means = []
    for seeds in errors.values():
        blocks = [losses for run in seeds if (losses := _block_losses(run.select(shared), reach)) is not None]
        if not blocks:  # of the same windows, so that no run has enough of them
            return None
        means.append(np.mean(blocks, axis=0))
    losses = np.stack(means, axis=1)
    losses = losses[np.isfinite(losses).all(axis=1)]
    distinct, column = np.unique(losses, axis=1, return_inverse=True)  # equal forecasts have equal p-values
    if distinct.shape[1] == 1:
        return dict.fromkeys(errors, 1.0)
    # The blocks are as good as independent, so that each is drawn by itself.
    outcome = MCS(distinct, size=1 - LEVEL, reps=RESAMPLES, block_size=1, bootstrap="circular", seed=0)
    outcome.compute()
    values = outcome.pvalues["Pvalue"]
    return {name: float(values[int(index)]) for name, index in zip(errors, column.ravel(), strict=True)}


def _block_losses(errors: WindowErrors, reach: int) -> npt.NDArray[np.float64] | None:
    """Return the mean squared error of each block, NaN where nothing was observed; None for too few blocks."""
    sums = sum_blocks(errors, reach)
    if sums is None:
        return None
    squared, count = sums
    return np.divide(squared, count, out=np.full(len(squared), np.nan), where=count > 0)
