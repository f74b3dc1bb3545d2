"""The layer that calibrates logits."""

import numpy as np

from tsforecast.layers.calibration import LogitCalibration


def test_it_changes_nothing_until_it_is_set_and_after_a_reset():
    logits = np.random.default_rng(0).normal(size=(4, 3, 2)).astype("float32")
    layer = LogitCalibration()
    np.testing.assert_array_equal(layer(logits), logits)
    layer.set_weights([np.array([2.0, 0.5]), np.array([1.0, -1.0])])
    np.testing.assert_allclose(layer(logits), logits * [2.0, 0.5] + [1.0, -1.0], rtol=1e-6)
    assert not layer.trainable_variables
    layer.reset()
    np.testing.assert_array_equal(layer(logits), logits)
