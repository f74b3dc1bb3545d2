"""Logistic regression on few inputs, by Newton's method."""

import numpy as np
import numpy.typing as npt

ITERATIONS = 50
TOLERANCE = 1e-9

Array = npt.NDArray[np.floating]


def fit_logistic(inputs: Array, outcomes: Array, start: Array, ridge: float = 0.0) -> Array:
    """Return the coefficients that minimize the mean cross-entropy, the intercept last.

    Newton's method with halved steps.

    Args:
        inputs: ``[n, F]``.
        outcomes: ``[n]``, 0 or 1, or probabilities.
        start: Coefficients to start from ``[F + 1]``.
        ridge: Weight of the sum of their squares, without the intercept; above 0, inputs may depend on each other.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> inputs = rng.normal(size=(50_000, 2))
        >>> outcomes = rng.random(50_000) < sigmoid(2 * inputs[:, 0] - 1)
        >>> fit_logistic(inputs, outcomes, np.zeros(3)).round(1) + 0.0
        array([ 2.,  0., -1.])
    """
    count = len(outcomes)
    rows = np.concatenate([np.asarray(inputs, np.float64), np.ones((count, 1))], axis=1).T
    penalty = np.append(np.full(len(rows) - 1, ridge), 0.0)
    values = np.asarray(start, np.float64)

    def loss_of(values: Array) -> float:
        logits = values @ rows
        return float(np.mean(np.logaddexp(0.0, logits) - outcomes * logits) + penalty @ values**2)

    loss = loss_of(values)
    for _ in range(ITERATIONS):
        probability = sigmoid(values @ rows)
        gradient = rows @ (probability - outcomes) / count + 2 * penalty * values
        curvature = (rows * (probability * (1 - probability))) @ rows.T / count
        curvature += np.diag(2 * penalty + 1e-12)
        step, size = np.linalg.solve(curvature, gradient), 1.0
        while (lower := loss_of(values - size * step)) > loss and size > 1e-10:
            size /= 2
        values, before, loss = values - size * step, loss, min(lower, loss)
        if before - loss < TOLERANCE:
            break
    return values


def sigmoid(logits: Array) -> Array:
    """Return ``1 / (1 + exp(-logits))`` without overflow.

    Example:
        >>> sigmoid(np.array([0.0, -1e4]))
        array([0.5, 0. ])
    """
    probability: Array = 0.5 * np.tanh(0.5 * logits) + 0.5
    return probability
