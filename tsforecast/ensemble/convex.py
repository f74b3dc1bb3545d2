"""The best fixed weights of an ensemble: a least-squares problem on the simplex."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]
ITERATIONS = 20_000


def fit_convex_weights(errors: Array) -> npt.NDArray[np.float64]:
    """Return the non-negative weights of sum one with the least mean squared error of the combined forecast.

    Args:
        errors: Forecast minus truth ``[n, M]`` of every observed value. As the weights sum to one, the error of the
            combined forecast is the weighted error.

    Returns:
        Weights ``[M]``, by accelerated projected gradient descent on the quadratic form, exact up to rounding.

    Source: Nesterov (1983) for the acceleration; Duchi et al. (2008), figure 1, for the projection.

    Example:
        >>> fit_convex_weights(np.array([[1.0, -1.0], [2.0, -2.0]])).round(6)
        array([0.5, 0.5])
    """
    gram = errors.T.astype(np.float64) @ errors.astype(np.float64) / max(len(errors), 1)
    step = 1.0 / max(np.linalg.eigvalsh(gram)[-1], 1e-300)
    weights = point = np.full(errors.shape[1], 1.0 / errors.shape[1])
    momentum = 1.0
    for _ in range(ITERATIONS):
        after = project_to_simplex(point - step * (gram @ point))
        if np.abs(after - weights).max() < 1e-14:
            return after
        faster = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        point = after + (momentum - 1) / faster * (after - weights)
        weights, momentum = after, faster
    return weights


def project_to_simplex(point: Array) -> npt.NDArray[np.float64]:
    """Return the nearest point ``[M]`` with non-negative entries of sum one.

    Example:
        >>> project_to_simplex(np.array([3.0, 0.0, -1.0]))
        array([1., 0., 0.])
    """
    falling = np.sort(point)[::-1]
    excess = (np.cumsum(falling) - 1) / np.arange(1, len(point) + 1)
    return np.maximum(point - excess[np.flatnonzero(falling > excess)[-1]], 0.0)
