"""NLinear: one linear map of a history relative to its last value."""

import keras

from tsforecast.layers.anchor import Anchor
from tsforecast.layers.linear import TargetHistory, TimeLinear
from tsforecast.models.forecaster import Forecaster, shift_by_categories
from tsforecast.models.task import Task
from tsforecast.options import EmbeddingWidth


@keras.saving.register_keras_serializable(package="tsforecast")
class NLinear(Forecaster):
    """A linear map of a target's own history minus its last value, which is added to the result.

    Args:
        task: Inputs and outputs of the model.
        embedding: Width of the embedding of each categorical feature, whose learned level is added to the forecast;
            None for ``embedding_width``.

    Source: Zeng et al. (2023), Are Transformers Effective for Time Series Forecasting?, section 4.2, with one map that
    all targets share.

    Example:
        >>> task = Task(lookback=20, channels=3, lead=1, horizon=4, target_indices=(0,))
        >>> NLinear(task).output_shape
        (None, 4, 1)
    """

    def __init__(self, task: Task, embedding: EmbeddingWidth = None):
        past = task.input_tensor()
        history = TargetHistory(task.target_indices)(past)
        change = keras.layers.Subtract(dtype="float32")([history, history[..., -1:]])
        forecast = Anchor(task.target_indices)(
            TimeLinear(task.horizon, task.quantile_levels, name="map")(change), past
        )
        forecast = shift_by_categories(forecast, past, task, embedding)
        super().__init__(task=task, past=past, forecast=forecast, options={"embedding": embedding})
