"""Mixtures: quantiles against SciPy's root finder, densities that integrate to 1."""

import numpy as np
from scipy import optimize, stats

from tsforecast.layers.distributions.mixture import Mixture

MEANS, SCALES, WEIGHTS = np.array([-2.0, 0.0, 5.0]), np.array([0.1, 1.0, 3.0]), np.array([0.2, 0.7, 0.1])
PARAMETERS = np.concatenate([MEANS, SCALES, np.log(WEIGHTS)])[None].astype("float32")


def test_quantiles_are_roots_of_the_distribution_function():
    levels = [0.01, 0.1, 0.5, 0.95, 0.999]
    exact = [
        optimize.brentq(lambda x, level=level: WEIGHTS @ stats.norm.cdf(x, MEANS, SCALES) - level, -50, 50)
        for level in levels
    ]
    np.testing.assert_allclose(np.asarray(Mixture().quantiles(PARAMETERS, levels))[0], exact, rtol=2e-5)


def test_density_and_mean():
    grid = np.linspace(-25, 40, 20_001).astype("float32")
    density = np.exp(np.asarray(Mixture().log_density(np.repeat(PARAMETERS, len(grid), 0), grid)))
    np.testing.assert_allclose(np.trapezoid(density, grid), 1.0, rtol=1e-4)
    np.testing.assert_allclose(np.asarray(Mixture().mean(PARAMETERS)), WEIGHTS @ MEANS, rtol=1e-5)


def test_components_start_apart():
    locations = np.asarray(Mixture(components=4).arrange(np.zeros((1, 12), "float32")))[0, :4]
    assert (np.diff(locations) > 0).all()
