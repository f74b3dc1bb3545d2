"""A schedule that follows the clock, and means put back."""

import keras
import numpy as np

from tsforecast.training import schedules
from tsforecast.training.callbacks import BudgetCallback, RestoreMeans
from tsforecast.training.state import Budget, Progress


def test_the_pace_tells_a_schedule_how_late_it_is():
    rate = schedules.to_time_schedule(
        schedules.cosine(0.1, schedules.TIME_STEPS, warmup_share=0.0, final_share=0.0)
    )
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.rate = rate
    budget = Budget(10, None, 2.0, None, 0.0, 3.0)
    for seconds, share in ((0.0, 0.0), (60.0, 0.5), (500.0, 1.0)):
        pace = BudgetCallback(Progress(seconds=seconds), budget)
        pace.set_model(model)
        pace.on_train_batch_begin(0)
        assert abs(float(rate.share.value) - share) < 1e-2


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
