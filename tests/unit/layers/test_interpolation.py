import numpy as np
import pytest
from keras import ops

from tsforecast.layers.interpolation import Interpolate, MaxPoolTime, interpolation_weights


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_pools_end_at_the_newest_step(size):
    history = np.random.default_rng(0).normal(size=(2, 3, 7)).astype("float32")
    pooled = ops.convert_to_numpy(MaxPoolTime(size)(history))
    assert pooled.shape == (2, 3, -(-7 // size))
    for back in range(7 // size):
        stop = 7 - back * size
        np.testing.assert_array_equal(pooled[..., -1 - back], history[..., stop - size : stop].max(-1))
    assert MaxPoolTime(size).compute_output_spec(ops.convert_to_tensor(history)).shape == pooled.shape


@pytest.mark.parametrize(("knots", "steps"), [(1, 5), (3, 12), (12, 12), (5, 7)])
def test_lines_between_knots_keep_lines_and_constants(knots, steps):
    weights = interpolation_weights(knots, steps)
    np.testing.assert_allclose(weights.sum(axis=0), 1, rtol=1e-6)
    middle = (np.arange(steps) + 0.5) * knots / steps - 0.5
    inside = (middle >= 0) & (middle <= knots - 1)
    drawn = ops.convert_to_numpy(Interpolate(steps)(np.arange(knots, dtype="float32")[None]))[0]
    np.testing.assert_allclose(drawn[inside], middle[inside], atol=1e-5)


def test_as_many_knots_as_steps_change_nothing():
    np.testing.assert_allclose(interpolation_weights(6, 6), np.eye(6), atol=1e-7)
