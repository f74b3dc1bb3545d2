"""Errors of past forecasts as far as they are known at a given row: only after their last truth has arrived."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]


def count_known_windows(ends: npt.NDArray[np.integer], lead: int, horizon: int) -> npt.NDArray[np.intp]:
    """Count the windows whose truths are all known at the last input row of each window.

    Args:
        ends: Last input rows ``[n]``, rising.
        lead: Rows from the last input to the first target.
        horizon: Target rows.

    Returns:
        Counts ``[n]``: window ``i`` may use the errors of windows ``0 .. count[i] - 1`` and no others.

    Example:
        >>> count_known_windows(np.array([10, 11, 12, 13]), lead=2, horizon=1)
        array([0, 0, 1, 2])
    """
    return np.searchsorted(ends + lead + horizon - 1, ends, side="right")


def forecast_errors(points: Array, truth: Array) -> Array:
    """Return forecast minus truth ``[n, M, H * T]``, NaN where unobserved.

    Args:
        points: Point forecasts of the members, ``[n, M, H, T]``.
        truth: Truths ``[n, H, T]``, NaN where unobserved.
    """
    return (points - truth[:, None]).reshape(*points.shape[:2], -1)


def mean_squared_errors(points: Array, truth: Array) -> npt.NDArray[np.float64]:
    """Return the mean squared error ``[n, M]`` over the observed truths, NaN where nothing of a window was observed.

    Args:
        points: Point forecasts of the members, ``[n, M, H, T]``.
        truth: Truths ``[n, H, T]``, NaN where unobserved.
    """
    errors = np.square(points.astype(np.float64) - truth[:, None])
    observed = ~np.isnan(truth)
    count = observed.sum(axis=(1, 2))
    totals = np.sum(errors, axis=(2, 3), where=observed[:, None])
    return np.where(count[:, None] > 0, totals / np.maximum(count, 1)[:, None], np.nan)


def decay_rates(half_lives: Sequence[float]) -> npt.NDArray[np.float64]:
    """Return the factors ``[K]`` by which an error loses weight per window.

    Args:
        half_lives: K numbers of windows after which an error counts half.
    """
    return 0.5 ** (1.0 / np.asarray(half_lives, np.float64))


def update_averages(averages: Array, squared: Array, decay: Array) -> npt.NDArray[np.float64]:
    """Return exponentially weighted averages of squared errors after one more window.

    Args:
        averages: Averages before, ``[M, K]``, zeros before the first window.
        squared: Mean squared errors of the window, ``[M]``.
        decay: Factors of ``decay_rates``, ``[K]``.
    """
    return decay * averages + (1 - decay) * squared[:, None]


def compare_averages(averages: Array) -> npt.NDArray[np.float64]:
    """Return each member's recent error compared with the others.

    Args:
        averages: Averages of squared errors, ``[..., M, K]``.

    Returns:
        ``log(rmse of the member / geometric mean of all members' rmse)``, ``[..., M, K]``, in [-3, 3].
    """
    logs = 0.5 * np.log(averages + 1e-12)
    return np.clip(logs - logs.mean(axis=-2, keepdims=True), -3.0, 3.0)


def recent_errors(
    squared: Array, known_counts: npt.NDArray[np.integer], half_lives: Sequence[float]
) -> npt.NDArray[np.float32]:
    """Return each member's recent error compared with the others, as far as it is known at each window.

    Args:
        squared: Mean squared errors ``[n, M]``, NaN where nothing was observed.
        known_counts: Counts ``[n]`` of ``count_known_windows``.
        half_lives: K numbers of windows after which an error counts half.

    Returns:
        float32 ``[n, M, K]``, see ``compare_averages``; 0 while nothing is known.
    """
    decay, (count, members) = decay_rates(half_lives), squared.shape
    averages = np.zeros((count + 1, members, len(decay)))
    any_observed = np.zeros(count + 1, bool)
    observed: list[bool] = np.asarray(np.isfinite(squared).all(axis=1)).tolist()
    for index in range(count):
        averages[index + 1], any_observed[index + 1] = averages[index], any_observed[index]
        if observed[index]:
            averages[index + 1] = update_averages(averages[index], squared[index], decay)
            any_observed[index + 1] = True
    relative = compare_averages(averages[known_counts])
    return np.where(any_observed[known_counts][:, None, None], relative, 0.0).astype(np.float32)
