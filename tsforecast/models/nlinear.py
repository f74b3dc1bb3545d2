"""NLinear."""

import keras

from tsforecast.layers.anchor import Anchor
from tsforecast.layers.linear import TargetHistory, TimeLinear
from tsforecast.models.forecaster import Forecaster
from tsforecast.models.task import Task


@keras.saving.register_keras_serializable(package="tsforecast")
class NLinear(Forecaster):
    """A linear map of a target's own history less its last value, which is added again.

    Args:
        task: what to forecast from what.

    Source: Zeng et al. (2023), Are Transformers Effective for Time Series Forecasting?, section 4.2, with one map that
    all targets share.
    """

    def __init__(self, task: Task):
        past = task.input_tensor()
        history = TargetHistory(task.target_indices)(past)
        change = keras.layers.Subtract(dtype="float32")([history, history[..., -1:]])
        forecast = Anchor(task.target_indices)(
            TimeLinear(task.horizon, task.quantile_levels, name="map")(change), past
        )
        super().__init__(task=task, past=past, forecast=forecast)
