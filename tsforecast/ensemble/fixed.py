"""Weights that are the same for every window, from the errors of a stretch that no member trained on."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]
ITERATIONS = 20_000


def equal_weights(members: int) -> npt.NDArray[np.float64]:
    """``1 / M`` each: the plain mean."""
    return np.full(members, 1.0 / members)


def inverse_error_weights(errors: Array) -> npt.NDArray[np.float64]:
    """In proportion to ``1 / mean squared error``.

    Args:
        errors: ``[n, M]`` squared errors, NaN where unobserved.

    Source: Bates & Granger (1969), "The combination of forecasts", their method for uncorrelated errors.
    """
    inverse = 1.0 / np.maximum(np.nanmean(errors, axis=0), 1e-12)
    return inverse / inverse.sum()


def best_convex_weights(signed: Array) -> npt.NDArray[np.float64]:
    """The non-negative weights of sum one with the least mean squared error of the weighted forecast.

    Args:
        signed: ``[n, M]`` errors, forecast minus truth, of every observed value; the error of a weighted forecast is
            the weighted error, as the weights sum to one.

    Returns:
        ``[M]``, by accelerated projected gradient descent on the quadratic form, which is exact but for rounding.

    Source: Nesterov (1983) for the acceleration; Duchi et al. (2008), figure 1, for the projection.
    """
    gram = signed.T.astype(np.float64) @ signed.astype(np.float64) / max(len(signed), 1)
    step = 1.0 / max(np.linalg.eigvalsh(gram)[-1], 1e-300)
    weights = moved = equal_weights(signed.shape[1])
    momentum = 1.0
    for _ in range(ITERATIONS):
        after = onto_simplex(moved - step * (gram @ moved))
        if np.abs(after - weights).max() < 1e-14:
            return after
        faster = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        moved = after + (momentum - 1) / faster * (after - weights)
        weights, momentum = after, faster
    return weights


def onto_simplex(point: Array) -> npt.NDArray[np.float64]:
    """The nearest point ``[M]`` with non-negative entries of sum one."""
    falling = np.sort(point)[::-1]
    excess = (np.cumsum(falling) - 1) / np.arange(1, len(point) + 1)
    return np.maximum(point - excess[np.flatnonzero(falling > excess)[-1]], 0.0)
