"""The negative binomial distribution against SciPy, in the target's unit under every scaling."""

import numpy as np
import pytest
from scipy import stats

from tsforecast.data.curves import Curve
from tsforecast.data.scaling import Scaler
from tsforecast.layers.distributions.negative_binomial import COUNTS, NegativeBinomial

SCALERS = {
    "standard": Scaler(np.array([40.0]), np.array([25.0]), (0,)),
    "asinh": Scaler(np.array([0.3]), np.array([1.2]), (0,), {0: Curve("asinh", 30.0, 8.0)}),
    "log1p": Scaler(np.array([2.0]), np.array([1.5]), (0,), {0: Curve("log1p", 0.0, 1.0)}),
}


def cases(count=300, largest=8.0):
    rng = np.random.default_rng(0)
    mean, dispersion = np.exp(rng.uniform(-3, largest, count)), np.exp(rng.uniform(-9, 1.5, count))
    counts = stats.nbinom.rvs(1 / dispersion, 1 / (1 + dispersion * mean), random_state=1)
    return np.stack([mean, dispersion], -1).astype("float32")[:, None], counts[:, None].astype(np.float64)


def law(parameters):
    mean, dispersion = parameters.astype(np.float64)[..., 0], parameters.astype(np.float64)[..., 1]
    return stats.nbinom(1 / dispersion, 1 / (1 + dispersion * mean))


@pytest.mark.parametrize("name", SCALERS)
def test_log_probability_matches_scipy(name):
    scaler = SCALERS[name]
    parameters, counts = cases(largest=5.0)
    scaled = scaler.transform_targets(counts[..., None])[..., 0].astype("float32")
    found = NegativeBinomial([scaler.describe_channel(0)]).log_density(parameters, scaled)
    np.testing.assert_allclose(np.asarray(found), law(parameters).logpmf(counts), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", SCALERS)
def test_quantiles_are_the_counts_of_scipy_and_close_beyond(name):
    scaler, levels = SCALERS[name], [0.05, 0.5, 0.95]
    parameters, _ = cases()
    scaled = NegativeBinomial([scaler.describe_channel(0)]).quantiles(parameters, levels)
    found = scaler.inverse_targets(np.asarray(scaled), axis=-2)[:, 0]
    exact = law(parameters[:, 0, None, :]).ppf(levels)
    small = exact < COUNTS
    np.testing.assert_allclose(found[small], exact[small], atol=0.02)
    relative = np.abs(found[~small] / exact[~small] - 1)
    assert np.median(relative) < 0.005
    assert relative.max() < 0.1


def test_the_mean_survives_a_curve():
    scaler = SCALERS["log1p"]
    parameters = np.array([[[12.0, 0.4]]], "float32")
    scaled = NegativeBinomial([scaler.describe_channel(0)]).mean(parameters)
    assert scaler.inverse_targets(np.asarray(scaled)).item() == pytest.approx(12.0, rel=1e-5)
