"""Weights that follow the members' errors as the truths arrive."""

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tsforecast.ensemble.delayed_errors import known_count

Array = npt.NDArray[np.floating]
RATES = (0.01, 0.03, 0.1, 0.3, 1.0)  # tried on validation rows
SHARES = (0.0, 1e-5, 1e-4, 1e-3, 1e-2)


def online_weights(
    signed: Array,
    ends: npt.NDArray[np.integer],
    *,
    lead: int,
    horizon: int,
    rates: Sequence[float],
    shares: Sequence[float],
    scale: float,
) -> npt.NDArray[np.float64]:
    """Exponentially weighted aggregation with a fixed share, several settings side by side.

    After each window whose truths are in, ``w_m <- w_m exp(-rate * loss_m)``, rescaled to sum one, and then
    ``w_m <- (1 - share) w_m + share / M``, so that a member that was bad can come back. The loss is the gradient of the
    squared error of the weighted forecast, ``2 * error * error_m / scale``, clipped to [-1, 1]; so the weights compete
    with the best mixture of members, not only with the best member.

    With share 0, losses in [-1, 1] and truths that are ``d`` windows late, the regret over T windows against any fixed
    mixture is at most ``ln(M) / rate + rate * T * (1 / 2 + 2 d)``, in units of ``scale``.

    Args:
        signed: ``[n, M, J]`` forecast minus truth for each of the J values of a window, NaN where unobserved.
        ends: ``[n]`` last input rows, rising.
        lead: rows from the last input to the first target.
        horizon: target rows.
        rates: G learning rates above 0.
        shares: G shares in [0, 1).
        scale: of a squared error, above 0.

    Returns:
        ``[n, G, M]``: the weights in force at each window, which knows only truths up to its last input row.

    Source: Cesa-Bianchi & Lugosi (2006), theorem 2.2 and section 2.5 (gradient trick); Herbster & Warmuth (1998),
        fixed share; Joulani et al. (2013), "Online learning under delayed feedback", for the delay.
    """
    count, members = signed.shape[:2]
    rate, share = (np.asarray(values, np.float64)[:, None] for values in (rates, shares))
    known = known_count(ends, lead, horizon)
    observed: npt.NDArray[np.bool_] = np.asarray(np.isfinite(signed).all(axis=1))  # [n, J]
    clean = np.where(observed[:, None], signed, 0.0).astype(np.float64)
    per_window = np.maximum(observed.sum(axis=1), 1) * scale
    current = np.full((len(rate), members), 1.0 / members)
    used = np.empty((count, len(rate), members))
    learned = 0
    for index in range(count):
        for past in range(learned, known[index]):
            errors = clean[past]  # [M, J]
            loss = 2.0 * ((used[past] @ errors) @ errors.T) / per_window[past]  # [G, M]
            grown = current * np.exp(-rate * np.clip(loss, -1.0, 1.0))
            current = (1 - share) * grown / grown.sum(axis=1, keepdims=True) + share / members
        learned = max(learned, known[index])
        used[index] = current
    return used


def chosen_settings(
    signed: Array, ends: npt.NDArray[np.integer], *, lead: int, horizon: int, scale: float
) -> tuple[float, float]:
    """The rate and share of a small grid with the least squared error on these windows, as ``online_weights`` takes."""
    grid = list(itertools.product(RATES, SHARES))
    rates, shares = zip(*grid, strict=True)
    weights = online_weights(
        signed, ends, lead=lead, horizon=horizon, rates=rates, shares=shares, scale=scale
    )
    errors = np.einsum("ngm,nmj->gnj", weights, np.where(np.isfinite(signed), signed, np.nan))
    return grid[int(np.nanargmin(np.nanmean(np.square(errors), axis=(1, 2))))]
