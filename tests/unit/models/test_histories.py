"""Histories without their level, and forecasts with it again."""

import keras
import numpy as np
import pytest

from tsforecast.models.histories import read_histories
from tsforecast.models.task import Task

TASK = Task(lookback=6, channels=4, lead=1, horizon=2, target_indices=(3, 1))


@pytest.mark.parametrize("normalize", [True, False])
def test_a_forecast_gets_the_level_of_its_own_target(normalize):
    past = TASK.input_tensor()
    history, restore = read_histories(past, TASK, normalize=normalize, channels=[0, 1, 3])
    forecast = restore(keras.ops.take(history, [2, 1], axis=1)[..., -2:])
    rows = np.random.default_rng(0).normal(3.0, 2.0, (5, 6, 4)).astype("float32")
    read, repeated = keras.Model(past, [history, forecast])(rows)
    expected = rows[:, :, [0, 1, 3]].swapaxes(1, 2)
    if normalize:
        np.testing.assert_allclose(np.mean(read, axis=-1), 0.0, atol=1e-5)
    else:
        np.testing.assert_array_equal(read, expected)
    np.testing.assert_allclose(repeated, rows[:, -2:, [3, 1]].swapaxes(1, 2), rtol=1e-4, atol=1e-4)
