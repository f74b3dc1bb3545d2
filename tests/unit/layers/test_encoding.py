import keras
import numpy as np
import pytest

from tsforecast.data.bins import bin_edges
from tsforecast.layers.encoding import PiecewiseLinear

EDGES = [[0.0, 1.0, 3.0], [5.0], [-1.0, 0.0, 2.0, 4.0]]


def components(x, edges):
    """The encoding of one value as the paper's equation has it, with the outer bins open."""
    out = []
    for k in range(len(edges) - 1):
        come = (x - edges[k]) / (edges[k + 1] - edges[k])
        if k > 0:
            come = max(come, 0.0)
        if k < len(edges) - 2:
            come = min(come, 1.0)
        out.append(come)
    return out


def layer_with_identity():
    """The layer with a learned part that hands positive components through."""
    layer = PiecewiseLinear(EDGES, units=5)
    layer.build((None, None, 3))
    layer.dense.set_weights([np.eye(5), np.zeros(5)])
    return layer


def test_matches_the_equation_within_and_beyond_the_edges():
    past = np.random.default_rng(0).uniform(-4, 7, (3, 11, 3)).astype("float32")
    out = keras.ops.convert_to_numpy(layer_with_identity()(past))
    np.testing.assert_array_equal(out[..., :3], past)
    for window, encoded in zip(past.reshape(-1, 3), out[..., 3:].reshape(-1, 5), strict=True):
        expected = components(window[0], EDGES[0]) + components(window[2], EDGES[2])
        np.testing.assert_allclose(encoded, np.maximum(expected, 0), atol=1e-6)


def test_edges_travel_with_the_weights_and_with_the_config(tmp_path):
    past = np.random.default_rng(1).normal(size=(2, 4, 3)).astype("float32")
    inputs = keras.Input((4, 3))
    model = keras.Model(inputs, PiecewiseLinear(EDGES, units=4)(inputs))
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict(past, verbose=0), model.predict(past, verbose=0))
    moved = PiecewiseLinear([[9.0, 10.0, 11.0], [5.0], [7.0, 8.0, 9.0, 10.0]], units=4)
    moved.build((None, None, 3))
    moved.set_weights(model.layers[1].get_weights())
    np.testing.assert_allclose(moved(past), model.predict(past, verbose=0), atol=1e-6)


def test_half_precision_keeps_narrow_bins_apart():
    edges = [[float(10 + k / 512) for k in range(9)]]
    layer = PiecewiseLinear(edges, units=8, dtype="mixed_bfloat16")
    layer.build((None, None, 1))
    layer.dense.set_weights([np.eye(8), np.zeros(8)])
    past = np.array([[[10 + 2.5 / 512]]], "float32")
    out = keras.ops.convert_to_numpy(keras.ops.cast(layer(past), "float32"))
    np.testing.assert_allclose(out[0, 0, 1:], [1, 1, 0.5, 0, 0, 0, 0, 0], atol=1e-2)


def test_no_channel_to_encode_is_refused():
    with pytest.raises(ValueError, match="three edges"):
        PiecewiseLinear([[0.0, 1.0], [2.0]], units=4).build((None, None, 2))


def test_bins_hold_equally_many_rows_and_coinciding_edges_are_left_out():
    rng = np.random.default_rng(2)
    skewed, few = rng.exponential(size=40_000), rng.choice([0.0, 1.0, 5.0], 40_000, p=[0.8, 0.1, 0.1])
    edges = bin_edges(np.stack([skewed, few, np.full(40_000, 3.0)], axis=1), 16, [0, 1, 2])
    assert [len(of_one) for of_one in edges] == [17, 3, 1]
    held, _ = np.histogram(skewed, edges[0])
    assert held.min() > 0.9 * 40_000 / 16
    assert edges[1] == [0.0, 1.0, 5.0]
