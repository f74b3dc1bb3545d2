"""Online aggregation: weights that follow the members' errors as the truths arrive."""

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tsforecast.ensemble.delayed_errors import count_known_windows

Array = npt.NDArray[np.floating]
RATES = (0.01, 0.03, 0.1, 0.3, 1.0)  # tried on validation rows
SHARES = (0.0, 1e-5, 1e-4, 1e-3, 1e-2)


def step(
    weights: Array, used: Array, errors: Array, *, rate: float | Array, share: float | Array, scale: float
) -> npt.NDArray[np.float64]:
    """Return the weights after the truths of one more window have arrived.

    Training and serving both call this function. ``w_m <- w_m exp(-rate * loss_m)``, rescaled to sum one, and then
    ``w_m <- (1 - share) w_m + share / M``, so that a member that was bad can come back. The loss is the gradient of the
    squared error of the combined forecast, ``2 * error * error_m / scale``, clipped to [-1, 1]; so the weights compete
    with the best mixture of members, not only with the best member.

    Args:
        weights: Current weights ``[G, M]``, for G settings of rate and share.
        used: Weights ``[G, M]`` with which the window was forecast.
        errors: Forecast minus truth ``[M, J]`` for each of the J values of the window, NaN where unobserved.
        rate: Learning rate above 0, or ``[G, 1]`` of them.
        share: Fixed share in [0, 1), or ``[G, 1]`` of them.
        scale: Scale of a squared error, above 0.

    Source: Cesa-Bianchi & Lugosi (2006), theorem 2.2 and section 2.5 (gradient trick); Herbster & Warmuth (1998),
        fixed share.

    Example:
        >>> equal = np.array([[0.5, 0.5]])
        >>> step(equal, equal, np.array([[0.1], [2.0]]), rate=0.5, share=0.0, scale=4.0).round(3)
        array([[0.616, 0.384]])
    """
    observed = np.isfinite(errors).all(axis=0)
    clean = np.where(observed, errors, 0.0).astype(np.float64)
    loss = 2.0 * ((used @ clean) @ clean.T) / (max(int(observed.sum()), 1) * scale)
    grown = weights * np.exp(-rate * np.clip(loss, -1.0, 1.0))
    return (1 - share) * grown / grown.sum(axis=-1, keepdims=True) + share / weights.shape[-1]


def online_weights(
    errors: Array,
    ends: npt.NDArray[np.integer],
    *,
    lead: int,
    horizon: int,
    rates: Sequence[float],
    shares: Sequence[float],
    scale: float,
) -> npt.NDArray[np.float64]:
    """Return the weights of consecutive windows by exponentially weighted aggregation with a fixed share.

    Weights start equal, and ``step`` updates them after each window whose truths have arrived.

    With share 0, losses in [-1, 1] and truths that are ``d`` windows late, the regret over T windows against any fixed
    mixture is at most ``ln(M) / rate + rate * T * (1 / 2 + 2 d)``, in units of ``scale``.

    Args:
        errors: Forecast minus truth ``[n, M, J]`` for each of the J values of a window, NaN where unobserved.
        ends: Last input rows ``[n]``, rising.
        lead: Rows from the last input to the first target.
        horizon: Target rows.
        rates: G learning rates above 0.
        shares: G shares in [0, 1).
        scale: Scale of a squared error, above 0.

    Returns:
        Weights ``[n, G, M]``. Those of a window depend only on truths up to its last input row.

    Source: See ``step``; Joulani et al. (2013), "Online learning under delayed feedback", for the delay.
    """
    count, members = errors.shape[:2]
    rate, share = (np.asarray(values, np.float64)[:, None] for values in (rates, shares))
    known_counts = count_known_windows(ends, lead, horizon)
    current = np.full((len(rate), members), 1.0 / members)
    used = np.empty((count, len(rate), members))
    learned = 0
    for index in range(count):
        for past in range(learned, known_counts[index]):
            current = step(current, used[past], errors[past], rate=rate, share=share, scale=scale)
        learned = max(learned, known_counts[index])
        used[index] = current
    return used


def choose_settings(
    errors: Array, ends: npt.NDArray[np.integer], *, lead: int, horizon: int, scale: float
) -> tuple[float, float]:
    """Return the rate and share from ``RATES`` and ``SHARES`` with the least squared error on these windows.

    Args:
        errors: See ``online_weights``, as for the other arguments.
        ends: Last input rows.
        lead: Rows from the last input to the first target.
        horizon: Target rows.
        scale: Scale of a squared error.
    """
    grid = list(itertools.product(RATES, SHARES))
    rates, shares = zip(*grid, strict=True)
    weights = online_weights(
        errors, ends, lead=lead, horizon=horizon, rates=rates, shares=shares, scale=scale
    )
    combined = np.einsum("ngm,nmj->gnj", weights, np.where(np.isfinite(errors), errors, np.nan))
    return grid[int(np.nanargmin(np.nanmean(np.square(combined), axis=(1, 2))))]
