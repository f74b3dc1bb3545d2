"""Implicit quantiles: the loss is the pinball loss, and quantiles between the levels are interpolated."""

import numpy as np

from tsforecast.layers.distributions.implicit_quantile import LEVELS, ImplicitQuantile, even_levels
from tsforecast.metrics.probabilistic import crps_from_quantiles


def parameters():
    values = np.sort(np.random.default_rng(0).normal(size=(3, LEVELS)), axis=-1)
    return np.concatenate([values, np.tile(even_levels(LEVELS), (3, 1))], -1).astype("float32")


def test_the_loss_is_the_crps_at_the_levels():
    truth, values = np.array([0.3, -2.0, 4.0], "float32"), parameters()
    exact = crps_from_quantiles(
        truth[:, None, None], values[:, None, None, :LEVELS], even_levels(LEVELS).tolist()
    )
    np.testing.assert_allclose(np.asarray(ImplicitQuantile().loss(values, truth)), exact.ravel(), rtol=1e-5)


def test_quantiles_are_interpolated_and_rise():
    values, levels = parameters(), [0.001, 0.2, 0.5, 0.77]
    exact = [np.interp(levels, even_levels(LEVELS), row[:LEVELS]) for row in values]
    np.testing.assert_allclose(
        np.asarray(ImplicitQuantile().quantiles(values, levels)), exact, rtol=1e-4, atol=1e-5
    )
    found = np.asarray(ImplicitQuantile().mean(values))
    np.testing.assert_allclose(found, values[:, :LEVELS].mean(axis=1), atol=1e-6)
