"""A schedule that follows the clock, and means put back."""

import time

import keras
import numpy as np
import pytest

from tsforecast.training import schedules
from tsforecast.training.callbacks import BudgetCallback, RestoreMeans
from tsforecast.training.state import Budget, Progress


def scheduled(progress, minutes=2.0):
    """A schedule from 1 to 0 in so many minutes, and the callback that moves it."""
    rate = schedules.to_time_schedule(
        schedules.cosine(0.1, schedules.TIME_STEPS, warmup_share=0.0, final_share=0.0)
    )
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.rate = rate
    callback = BudgetCallback(progress, Budget(10, None, minutes, None, 0.0, 3.0))
    callback.set_model(model)
    return rate, callback


@pytest.mark.parametrize(("seconds", "share"), [(0.0, 0.0), (60.0, 0.5), (500.0, 1.0)])
def test_a_schedule_follows_the_clock(seconds, share):
    rate, callback = scheduled(Progress(batch=7, seconds=seconds))
    callback.on_train_batch_begin(0)
    assert float(rate.share.value) == pytest.approx(share, abs=1e-2)


def test_a_schedule_starts_after_the_first_update(capsys):
    progress = Progress(began=time.monotonic() - 60.0)  # of compilation
    rate, callback = scheduled(progress)
    callback.on_train_batch_begin(0)
    assert float(rate.share.value) == 0.0
    callback.on_train_batch_end(0, {"loss": 0.5})
    assert progress.first_update == pytest.approx(60.0, abs=1.0)
    callback.on_train_batch_begin(1)
    assert float(rate.share.value) == pytest.approx(0.0, abs=1e-2)
    progress.began -= 30.0  # half of what is left
    callback.on_train_batch_begin(2)
    assert float(rate.share.value) == pytest.approx(0.5, abs=1e-2)
    resumed = Progress.from_dict(progress.to_dict())
    rate, callback = scheduled(resumed)
    callback.on_train_batch_begin(0)
    assert float(rate.share.value) == pytest.approx(0.5, abs=1e-2)


def test_means_come_back_once():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=False)
    model.train_on_batch(np.ones((2, 1)), np.zeros((2, 1)))
    values = [keras.ops.convert_to_numpy(v.value) for v in model.metrics_variables]
    assert any(np.any(value) for value in values)
    model.reset_metrics()
    restore = RestoreMeans(values)
    restore.set_model(model)
    restore.on_epoch_begin(0)
    for variable, value in zip(model.metrics_variables, values, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable.value), value)
    model.reset_metrics()
    restore.on_epoch_begin(1)
    assert not any(np.any(keras.ops.convert_to_numpy(v.value)) for v in model.metrics_variables)
