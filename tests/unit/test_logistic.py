"""Logistic regression by Newton's method."""

import numpy as np
import pytest

from tsforecast.logistic import fit_logistic, sigmoid


def sample(coefficients, count=60_000, seed=0):
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(count, len(coefficients) - 1))
    return inputs, rng.random(count) < sigmoid(inputs @ coefficients[:-1] + coefficients[-1])


@pytest.mark.parametrize("coefficients", [[2.0, -1.0], [0.5, 0.0, -3.0, 1.0]])
def test_coefficients_are_recovered(coefficients):
    inputs, outcomes = sample(np.array(coefficients))
    fitted = fit_logistic(inputs, outcomes, np.zeros(len(coefficients)))
    np.testing.assert_allclose(fitted, coefficients, atol=0.06)
    gradient = inputs.T @ (sigmoid(inputs @ fitted[:-1] + fitted[-1]) - outcomes) / len(outcomes)
    np.testing.assert_allclose(gradient, 0, atol=1e-5)


def test_with_a_ridge_equal_inputs_share_their_coefficient():
    inputs, outcomes = sample(np.array([2.0, -1.0]))
    fitted = fit_logistic(np.repeat(inputs, 2, axis=1), outcomes, np.zeros(3), ridge=1e-4)
    np.testing.assert_allclose(fitted, [1.0, 1.0, -1.0], atol=0.06)


def test_separable_outcomes_give_finite_coefficients():
    inputs = np.linspace(-1, 1, 200)[:, None]
    assert np.isfinite(fit_logistic(inputs, inputs[:, 0] > 0, np.zeros(2))).all()


def test_probabilities_are_outcomes_too():
    inputs, _ = sample(np.array([1.0, 0.0]), count=2000)
    fitted = fit_logistic(inputs, sigmoid(1.5 * inputs[:, 0] + 0.5), np.zeros(2))
    np.testing.assert_allclose(fitted, [1.5, 0.5], atol=1e-3)


def test_the_sigmoid_does_not_overflow():
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(sigmoid(np.array([-1e4, 0.0, 1e4])), [0.0, 0.5, 1.0])
