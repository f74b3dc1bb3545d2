"""The element-wise losses against their formulas in NumPy."""

import keras
import numpy as np
import pytest

from tsforecast.losses import AbsoluteError, Huber, Quantile, SquaredError

LEVELS = [0.1, 0.5, 0.9]


@pytest.fixture
def errors():
    rng = np.random.default_rng(0)
    return rng.normal(size=(2, 4, 3, 2)).astype("float32"), rng.normal(size=(2, 4, 3, 2)).astype("float32")


def huber(error, delta):
    size = np.abs(error)
    return np.where(size <= delta, 0.5 * error**2, delta * (size - 0.5 * delta))


@pytest.mark.parametrize(
    ("loss", "formula"),
    [
        (SquaredError(), np.square),
        (AbsoluteError(), np.abs),
        (Huber(0.5), lambda error: huber(error, 0.5)),
    ],
    ids=["squared", "absolute", "huber"],
)
def test_point_losses(loss, formula, errors):
    truth, forecast = errors
    found = keras.ops.convert_to_numpy(loss(truth, forecast))
    assert found.shape == truth.shape
    np.testing.assert_allclose(found, formula(truth - forecast), rtol=1e-6, atol=1e-7)


def test_pinball_is_the_mean_over_the_levels(errors):
    truth, _ = errors
    quantiles = np.random.default_rng(1).normal(size=(*truth.shape, 3)).astype("float32")
    expected = np.zeros(truth.shape)
    for place, level in enumerate(LEVELS):
        error = truth - quantiles[..., place]
        expected += np.where(error >= 0, level * error, (level - 1) * error) / 3
    found = keras.ops.convert_to_numpy(Quantile(LEVELS)(truth, quantiles))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_point_loss_of_a_quantile_forecast_scores_the_median(errors):
    truth, median = errors
    quantiles = np.stack([median - 5, median, median + 7], axis=-1)
    found = keras.ops.convert_to_numpy(SquaredError(LEVELS)(truth, quantiles))
    np.testing.assert_allclose(found, (truth - median) ** 2, rtol=1e-5)


def test_the_pinball_loss_is_least_at_the_quantile():
    values = np.random.default_rng(2).normal(size=20_001).astype("float32")
    candidates = np.linspace(-2, 2, 81).astype("float32")
    for level, place in ((0.1, 0), (0.9, 2)):
        at = []
        for candidate in candidates:
            forecast = np.zeros((len(values), 3), "float32")
            forecast[:, place] = candidate
            others = Quantile(LEVELS)(values, np.zeros_like(forecast))
            at.append(float(np.mean(Quantile(LEVELS)(values, forecast) - others)))
        best = candidates[int(np.argmin(at))]
        assert best == pytest.approx(np.quantile(values, level), abs=0.05)
