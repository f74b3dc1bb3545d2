"""The forecast head: shape, float32, quantiles that cannot cross, and its arguments through a file."""

import keras
import numpy as np
import pytest

from tsforecast.layers.head import ForecastHead

LEVELS = (0.05, 0.25, 0.5, 0.9)


def features(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32") * 3


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("levels", [None, LEVELS])
def test_shape_and_float32_under_every_policy(policy, levels):
    keras.config.set_dtype_policy(policy)
    head = ForecastHead(3, 2, levels, units=(5,), dropout=0.1)
    tail = () if levels is None else (len(LEVELS),)
    for leading in ((4,), (4, 7)):
        found = head(features(*leading, 6))
        assert found.shape == (*leading, 3, 2, *tail)
        assert found.dtype == "float32"
    assert head.hidden[0].compute_dtype == keras.config.dtype_policy().compute_dtype
    assert head.compute_output_spec(keras.KerasTensor((None, 6))).shape == (None, 3, 2, *tail)


def test_quantiles_rise_whatever_the_weights():
    keras.utils.set_random_seed(0)  # some weights round neighbors to one value
    head = ForecastHead(2, 1, LEVELS)
    past = features(500, 8)
    assert (np.diff(np.asarray(head(past)), axis=-1) > 0).all()
    # Far below zero softplus rounds to nothing: neighbors may then be equal, but never cross.
    assert (np.diff(np.asarray(head(past * 5)), axis=-1) >= 0).all()


def test_the_median_is_the_output_itself_and_neighbors_add_softplus():
    head = ForecastHead(1, 1, LEVELS)
    past = features(6, 3)
    found = np.asarray(head(past))[:, 0, 0]
    kernel, bias = (np.asarray(w) for w in head.output_layer.get_weights())
    raw = past @ kernel + bias
    softplus = np.log1p(np.exp(raw))
    expected = np.stack(
        [
            raw[:, 2] - softplus[:, 1] - softplus[:, 0],
            raw[:, 2] - softplus[:, 1],
            raw[:, 2],
            raw[:, 2] + softplus[:, 3],
        ],
        axis=1,
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_it_is_the_dense_layers_that_it_names():
    head = ForecastHead(2, 2, units=(4,))
    past = features(5, 3)
    found = np.asarray(head(past))
    first, first_bias, last, last_bias = head.get_weights()
    expected = np.maximum(past @ first + first_bias, 0) @ last + last_bias
    np.testing.assert_allclose(found, expected.reshape(5, 2, 2), rtol=1e-5, atol=1e-6)


def test_its_config_rebuilds_it():
    head = ForecastHead(3, 2, LEVELS, units=(5, 4), dropout=0.2, dtype="mixed_bfloat16", name="head")
    again = ForecastHead.from_config(head.get_config())
    assert again.get_config() == head.get_config()
    assert again.dtype_policy.name == "mixed_bfloat16"
