"""The normal distribution against SciPy."""

import numpy as np
from scipy import stats

from tsforecast.layers.distributions.normal import Normal


def test_density_quantiles_and_mean_match_scipy():
    parameters = np.array([[1.0, 2.0], [-3.0, 0.01]], "float32")
    truth, levels = np.array([0.5, -3.1], "float32"), [0.01, 0.5, 0.9]
    location, scale = parameters.T.astype(np.float64)
    exact = stats.norm.logpdf(truth, location, scale)
    np.testing.assert_allclose(np.asarray(Normal().log_density(parameters, truth)), exact, rtol=1e-4)
    exact = stats.norm.ppf(levels, location[:, None], scale[:, None])
    np.testing.assert_allclose(np.asarray(Normal().quantiles(parameters, levels)), exact, rtol=1e-6)
    assert Normal().mean(parameters).tolist() == [1.0, -3.0]
