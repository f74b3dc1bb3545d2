"""Persistence."""

import keras

from tsforecast.layers.linear import TargetHistory, TimeSteps
from tsforecast.models.forecaster import Forecaster
from tsforecast.models.task import Task


@keras.saving.register_keras_serializable(package="tsforecast")
class Persistence(Forecaster):
    """The last known value at every step of the horizon; nothing to train.

    Args:
        task: what to forecast from what.
    """

    def __init__(self, task: Task):
        past = task.input_tensor()
        forecast = TimeSteps([-1] * task.horizon, task.quantile_levels)(
            TargetHistory(task.target_indices)(past)
        )
        super().__init__(task=task, past=past, forecast=forecast)
