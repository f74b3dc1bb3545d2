"""Layers along time against plain NumPy."""

import keras
import numpy as np
import pytest

from tsforecast.layers.linear import TargetHistory, TimeLinear, TimeSteps, TrendSplit

LEVELS = (0.1, 0.5, 0.9)


def histories(batch=3, targets=2, length=20):
    return np.random.default_rng(0).normal(size=(batch, targets, length)).astype("float32")


def test_target_history_picks_channels_in_the_order_of_the_targets():
    past = np.random.default_rng(1).normal(size=(3, 5, 4)).astype("float32")
    found = np.asarray(TargetHistory([2, 0])(past))
    np.testing.assert_array_equal(found, np.stack([past[..., 2], past[..., 0]], axis=1))


@pytest.mark.parametrize("width", [1, 5, 25])
def test_the_trend_is_the_moving_average_with_the_ends_repeated(width):
    history = histories()
    trend, rest = (np.asarray(part) for part in TrendSplit(width)(history))
    half = width // 2
    padded = np.pad(history, [(0, 0), (0, 0), (half, half)], mode="edge")
    expected = np.stack([padded[..., i : i + width].mean(-1) for i in range(history.shape[-1])], -1)
    np.testing.assert_allclose(trend, expected, atol=1e-5)
    np.testing.assert_allclose(trend + rest, history, atol=1e-6)


def test_an_even_average_is_refused():
    with pytest.raises(ValueError, match="kernel_size=24 must be odd"):
        TrendSplit(24)


def test_time_steps_hold_single_values():
    history = histories()
    np.testing.assert_array_equal(
        np.asarray(TimeSteps([-1, -3])(history)), np.stack([history[..., -1], history[..., -3]], axis=1)
    )
    spread = np.asarray(TimeSteps([-1], LEVELS)(history))
    assert spread.shape == (3, 1, 2, 3)
    assert (np.diff(spread, axis=-1) == 0).all()


def test_time_linear_is_one_matrix_for_all_targets():
    history = histories()
    layer = TimeLinear(4)
    found = np.asarray(layer(history))
    kernel, bias = layer.get_weights()
    np.testing.assert_allclose(found, np.swapaxes(history @ kernel + bias, 1, 2), rtol=1e-5, atol=1e-5)
    assert kernel.shape == (20, 4)


def test_time_linear_can_start_as_the_average():
    history = histories()
    found = np.asarray(TimeLinear(4, kernel_initializer=keras.initializers.Constant(1 / 20))(history))
    np.testing.assert_allclose(found, np.repeat(history.mean(-1)[:, None], 4, axis=1), atol=1e-6)


def test_time_linear_with_quantiles_rises():
    found = np.asarray(TimeLinear(4, LEVELS)(histories()))
    assert found.shape == (3, 4, 2, 3)
    assert (np.diff(found, axis=-1) > 0).all()


@pytest.mark.parametrize(
    "layer", [TargetHistory([1]), TrendSplit(5), TimeSteps([-2], LEVELS), TimeLinear(3, LEVELS)]
)
def test_configs_rebuild_the_layers(layer):
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()
