"""What may be known of past forecasts at a given row: their errors, once the last of their truths is in."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]


def known_count(ends: npt.NDArray[np.integer], lead: int, horizon: int) -> npt.NDArray[np.intp]:
    """How many of the first windows have all their truths by the last input row of each window.

    Args:
        ends: ``[n]`` last input rows, rising.
        lead: rows from the last input to the first target.
        horizon: target rows.

    Returns:
        ``[n]``: window ``i`` may use the errors of windows ``0 .. count[i] - 1``, and of no later one.
    """
    return np.searchsorted(ends + lead + horizon - 1, ends, side="right")


def squared_errors(members: Array, truth: Array) -> Array:
    """The mean squared error ``[n, M]`` of members ``[n, M, H, T]`` over the observed truths ``[n, H, T]``.

    NaN where nothing of a window was observed.
    """
    errors = np.square(members.astype(np.float64) - truth[:, None])
    observed = ~np.isnan(truth)
    count = observed.sum(axis=(1, 2))
    totals = np.sum(errors, axis=(2, 3), where=observed[:, None])
    return np.where(count[:, None] > 0, totals / np.maximum(count, 1)[:, None], np.nan)


def recent_errors(
    errors: Array, known: npt.NDArray[np.integer], half_lives: Sequence[float]
) -> npt.NDArray[np.float32]:
    """How each member did lately beside the others, as far as that is known.

    Args:
        errors: ``[n, M]`` squared errors, NaN where unknown for good.
        known: ``[n]`` of ``known_count``.
        half_lives: K spans in windows, after which an error counts half.

    Returns:
        float32 ``[n, M, K]``: ``log(rmse of the member / geometric mean of all members' rmse)`` of exponentially
        weighted errors, in [-3, 3]; 0 while nothing is known.
    """
    decay = 0.5 ** (1.0 / np.asarray(half_lives, np.float64))  # [K]
    members = errors.shape[1]
    means = np.zeros((len(errors) + 1, members, len(decay)))
    weight, weights = np.zeros(len(decay)), np.zeros((len(errors) + 1, len(decay)))
    current = np.zeros((members, len(decay)))
    observed: list[bool] = np.asarray(np.isfinite(errors).all(axis=1)).tolist()
    for index in range(len(errors)):
        if observed[index]:
            current = decay * current + (1 - decay) * errors[index][:, None]
            weight = decay * weight + (1 - decay)
        means[index + 1], weights[index + 1] = current, weight
    at = means[known] + 1e-12
    logs = 0.5 * np.log(at)
    relative = np.clip(logs - logs.mean(axis=1, keepdims=True), -3.0, 3.0)
    return np.where(weights[known][:, None] > 0, relative, 0.0).astype(np.float32)
