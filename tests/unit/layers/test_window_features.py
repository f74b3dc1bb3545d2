import itertools

import keras
import numpy as np
import pytest

from tsforecast.layers.window_features import FeatureEmbedding, WindowFeatures, thin_steps

LAGS, SPANS = [1, 4, 30], [2, 7, 30]
PAST = np.random.default_rng(0).normal(size=(2, 24, 3)).astype("float32")
EDGES = [[0.0, 1.0, 3.0], [5.0], [-1.0, 0.0, 2.0, 4.0]]


def make(**changes):
    options = {"channels": [0, 1, 2], "measured": [2, 0], "targets": [2], "lags": LAGS, "spans": SPANS}
    return WindowFeatures(**{**options, **changes})


def expected(past, step):
    """The features of a step by their definition."""
    measured, target = past[:, : step + 1, [2, 0]], past[:, : step + 1, [2]]
    parts = [past[:, step]] + [measured[:, max(0, step - lag)] for lag in LAGS]
    for span in SPANS:
        parts.append(measured[:, -span:].mean(axis=1))
        parts += [getattr(target[:, -span:], name)(axis=1) for name in ("min", "max", "std")]
    return np.concatenate(parts, axis=-1)


@pytest.mark.parametrize(
    ("stride", "steps", "at"),
    [
        (1, None, range(24)),
        (5, None, [3, 8, 13, 18, 23]),
        (5, 2, [18, 23]),
        (10, 1, [23]),
        (10, 9, [3, 13, 23]),
    ],
)
def test_each_step_has_values_lags_and_statistics_of_what_precedes_it(stride, steps, at):
    layer = make(stride=stride, steps=steps)
    values = np.asarray(layer(PAST))
    assert values.shape == (2, len(at), layer.feature_count)
    assert layer(keras.Input((24, 3))).shape == (None, len(at), layer.feature_count)
    for place, step in enumerate(at):
        np.testing.assert_allclose(values[:, place], expected(PAST, step), atol=1e-5)


def test_a_later_step_changes_no_bit_of_an_earlier_one():
    changed = PAST.copy()
    changed[:, 14:] += 1.0
    before, after = (np.asarray(make(stride=5)(past)) for past in (PAST, changed))
    np.testing.assert_array_equal(after[:, :3], before[:, :3])
    assert (after[:, 3:] != before[:, 3:]).any()


@pytest.mark.parametrize("spread", [1.0, 1e-3, 0.0])
def test_a_small_spread_far_from_the_rest_keeps_its_digits(spread):
    past = 50.0 + spread * np.random.default_rng(1).normal(size=(1, 60, 1)).astype("float32")
    past[:, :10] = 0.0
    layer = WindowFeatures([0], [0], [0], lags=[1], spans=[50], steps=1)
    expected = past[0, 10:].astype("float64").std()
    np.testing.assert_allclose(np.asarray(layer(past))[0, 0, -1], expected, rtol=1e-3, atol=1e-9)


def test_it_is_rebuilt_from_its_config():
    layer = WindowFeatures.from_config(make(stride=5, steps=2, name="some").get_config())
    np.testing.assert_array_equal(layer(PAST), make(stride=5, steps=2)(PAST))


def embed(x, edges, kernel, bias):
    """The functions of one feature by the equation of the paper."""
    components = [np.clip((x - low) / (high - low), 0, 1) for low, high in itertools.pairwise(edges)]
    return np.maximum(sum(c * row for c, row in zip(components, kernel, strict=False)) + bias[0], 0)


def test_each_feature_has_functions_of_its_own():
    layer = FeatureEmbedding(EDGES, width=4)
    features = np.random.default_rng(2).uniform(-3, 6, (2, 5, 3)).astype("float32")
    layer.build(features.shape)
    layer.bias.assign(np.random.default_rng(3).normal(size=layer.bias.shape))
    embedded = np.asarray(layer(features)).reshape(2, 5, 3, 4)
    kernel, bias = np.asarray(layer.kernel), np.asarray(layer.bias)
    for window, step in np.ndindex(2, 5):
        for feature, edges in enumerate(EDGES):
            value = embed(features[window, step, feature], edges, kernel[feature], bias[feature])
            np.testing.assert_allclose(embedded[window, step, feature], value, atol=1e-5)


def test_edges_travel_with_the_weights(tmp_path):
    inputs = keras.Input((5, 3))
    model = keras.Model(inputs, FeatureEmbedding(EDGES, width=2)(inputs))
    model.save(tmp_path / "m.keras")
    past = np.random.default_rng(4).normal(size=(2, 5, 3)).astype("float32")
    again = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict(past, verbose=0), model.predict(past, verbose=0))


def test_half_precision_keeps_narrow_bins_apart():
    layer = FeatureEmbedding([[10 + k / 512 for k in range(9)]], width=1, dtype="mixed_bfloat16")
    layer.build((1, 2, 1))
    layer.kernel.assign(np.arange(8.0).reshape(1, 8, 1))
    low, high = np.asarray(
        keras.ops.cast(layer(np.array([[[10 + 2.5 / 512], [10 + 3.5 / 512]]])), "float32")
    )[0]
    assert low < high


def test_large_values_keep_narrow_bins_apart():
    layer = FeatureEmbedding([[101_325.0 + k / 8 for k in range(9)]], width=1)
    layer.build((1, 1, 1))
    layer.kernel.assign(np.arange(8.0).reshape(1, 8, 1))
    for k in range(8):
        value = float(np.asarray(layer(np.array([[[101_325.0 + (k + 0.5) / 8]]], "float32")))[0, 0, 0])
        assert value == pytest.approx(sum(range(k)) + k / 2, abs=1e-6)


def test_the_last_step_is_kept():
    assert thin_steps(np.arange(7)[None], 3).tolist() == [[0, 3, 6]]
    assert thin_steps(np.arange(8)[None], 3, 2).tolist() == [[4, 7]]
    assert thin_steps(np.arange(2)[None], 3, 2).tolist() == [[1]]
