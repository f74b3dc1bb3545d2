"""Seasonal naive: the last known value of the same time of the season."""

import dataclasses

import keras

from tsforecast.layers.linear import TargetHistory, TimeSteps
from tsforecast.metrics.baselines import seasonal_steps_back
from tsforecast.models.forecaster import Forecaster
from tsforecast.models.task import Task


@keras.saving.register_keras_serializable(package="tsforecast")
class SeasonalNaive(Forecaster):
    """The latest known value of the same time of the season, usually of the day before; it has no weights.

    Args:
        task: Inputs and outputs of the model; its ``season`` is used.

    Raises:
        ValueError: The window does not reach back to that value.

    Example:
        >>> task = Task(lookback=20, channels=3, lead=1, horizon=4, target_indices=(0,))
        >>> SeasonalNaive(task).output_shape
        (None, 4, 1)
    """

    def __init__(self, task: Task):
        task = dataclasses.replace(task, distribution=None)  # there is nothing to learn one with
        past = task.input_tensor()
        steps_back = seasonal_steps_back(task.lead, task.horizon, task.season)
        steps = (-1 - steps_back).tolist()  # from the window's end
        if -min(steps) > task.lookback:
            raise ValueError(
                f"a season of {task.season} steps does not fit window.lookback={task.lookback}: "
                f"set window.lookback={-min(steps)}."
            )
        forecast = TimeSteps(steps, task.quantile_levels)(TargetHistory(task.target_indices)(past))
        super().__init__(task=task, past=past, forecast=forecast)
