"""Student's t distribution against SciPy."""

import numpy as np
from scipy import stats

from tsforecast.layers.distributions.student_t import StudentT

LEVELS = [0.001, 0.05, 0.5, 0.9, 0.999]


def parameters(count=200):
    rng = np.random.default_rng(0)
    freedom = 2 + np.exp(rng.uniform(-4, 6, count))
    return np.stack([rng.normal(size=count), np.exp(rng.normal(size=count)), freedom], -1).astype("float32")


def test_quantiles_match_scipy_from_two_degrees_of_freedom_to_many():
    values = parameters()
    location, scale, freedom = values.T[..., None].astype(np.float64)
    exact = stats.t.ppf(LEVELS, freedom, location, scale)
    np.testing.assert_allclose(np.asarray(StudentT().quantiles(values, LEVELS)), exact, rtol=1e-5, atol=1e-5)


def test_log_density_matches_scipy():
    values = parameters()
    truth = np.random.default_rng(1).normal(scale=20, size=len(values)).astype("float32")
    exact = stats.t.logpdf(truth.astype(np.float64), values[:, 2], values[:, 0], values[:, 1])
    np.testing.assert_allclose(np.asarray(StudentT().log_density(values, truth)), exact, rtol=1e-5, atol=2e-5)
