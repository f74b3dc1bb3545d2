"""Special functions against SciPy, in float32."""

import numpy as np
import pytest
from scipy import special, stats

from tsforecast.layers.distributions.special import (
    log_gamma_ratio,
    normal_cdf,
    normal_quantiles,
    student_quantile,
)


def test_log_gamma_ratio_is_accurate_for_small_and_large_arguments():
    start = np.array([1e-3, 0.5, 3.0, 50.0, 1e4], np.float32)
    for step in (0.5, 1.0, 20.0, 1000.0):
        exact = special.gammaln(start + np.float64(step)) - special.gammaln(start.astype(np.float64))
        found = np.asarray(log_gamma_ratio(start, np.full_like(start, step)))
        np.testing.assert_allclose(found, exact, rtol=3e-6, atol=3e-6)


def test_normal_cdf_and_quantiles():
    levels = [0.001, 0.1, 0.5, 0.975]
    np.testing.assert_allclose(normal_quantiles(levels), stats.norm.ppf(levels), rtol=1e-6)
    np.testing.assert_allclose(np.asarray(normal_cdf(normal_quantiles(levels))), levels, atol=2e-7)


@pytest.mark.parametrize("freedom", [1.0, 2.0, 2.5, 7.0, 300.0])
def test_student_quantile(freedom):
    for level in (0.001, 0.2, 0.5, 0.9, 0.9995):
        assert student_quantile(level, freedom) == pytest.approx(
            stats.t.ppf(level, freedom), rel=1e-7, abs=1e-12
        )
