"""Persistence: the last known value."""

import dataclasses

import keras

from tsforecast.layers.linear import TargetHistory, TimeSteps
from tsforecast.models.forecaster import Forecaster
from tsforecast.models.task import Task


@keras.saving.register_keras_serializable(package="tsforecast")
class Persistence(Forecaster):
    """The last known value at every step of the horizon; it has no weights.

    Args:
        task: Inputs and outputs of the model.

    Example:
        >>> task = Task(lookback=20, channels=3, lead=1, horizon=4, target_indices=(0,))
        >>> Persistence(task).output_shape
        (None, 4, 1)
    """

    def __init__(self, task: Task):
        task = dataclasses.replace(task, distribution=None)  # there is nothing to learn one with
        past = task.input_tensor()
        forecast = TimeSteps([-1] * task.horizon, task.quantile_levels)(
            TargetHistory(task.target_indices)(past)
        )
        super().__init__(task=task, past=past, forecast=forecast)
