"""Spike detector."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import keras

from tsforecast.layers.encoder import SelfAttention
from tsforecast.layers.head import ForecastHead
from tsforecast.layers.kernels.fused import CheapDropout
from tsforecast.layers.recurrent import LSTM as RecurrentLSTM
from tsforecast.layers.recurrent import Bidirectional
from tsforecast.models.forecaster import Forecaster, anchor_forecast, encode_channels
from tsforecast.models.task import Task
from tsforecast.options import Dropout, Range, Width
from tsforecast.typing import Tensor


@keras.saving.register_keras_serializable(package="tsforecast")
class SpikeDetector(Forecaster):
    """A convolution, self-attention and a bidirectional LSTM, with two heads: the value, and the odds of a spike.

    The output is a dict: ``forecast`` scaled ``[B, H, T]`` (``[B, H, T, Q]`` with quantile levels), and ``spike``
    ``[B, H, T]``, float32 logits of the probability that the target then stands above its last known value by more than
    the threshold in the model's card. Both are trained at once, see ``training.objective``. The model reads its window
    in both directions, so it forecasts at its last step only.

    Args:
        task: what to forecast from what.
        filters: of the convolution and width of the attention, a multiple of ``heads``.
        kernel_size: of the convolution, in steps.
        heads: of the attention, at least 1.
        units: width of the LSTM in each direction.
        dense_units: widths of the ReLU layers of each head; may be empty.
        dropout: share dropped in the attention's weights, after it, after the LSTM and in the heads, in [0, 1).
        spike_weight: of the spike's cross-entropy beside the value's loss, at least 0.
        anchor: forecast the change from the last known value.
        encoding: ``edges`` and ``units`` of a ``PiecewiseLinear`` encoding of the channels, or None.

    Raises:
        ValueError: ``filters`` is no multiple of ``heads``, or ``spike_weight`` is negative.

    Source: Vaswani et al. (2017), sections 3.2.2 and 5.4, for the attention block (post-norm; without positions, which
    the LSTM after it gives); Graves & Schmidhuber (2005) for the bidirectional LSTM.
    """

    nominal_params = 520_000

    def __init__(
        self,
        task: Task,
        filters: Width = 128,
        kernel_size: Annotated[int, Range(1, 10_000)] = 5,
        heads: Annotated[int, Range(1, 1024)] = 4,
        units: Width = 128,
        dense_units: Sequence[Width] = (64,),
        dropout: Dropout = 0.0,
        spike_weight: Annotated[float, Range(0.0, 1e6)] = 0.5,
        anchor: bool = True,
        encoding: Mapping[str, Any] | None = None,
    ):
        if filters % heads:
            raise ValueError(f"filters={filters} must be a multiple of heads={heads}.")
        if not spike_weight >= 0:
            raise ValueError(f"spike_weight={spike_weight} is out of range: it must be at least 0.")
        past = task.input_tensor()
        channels = encode_channels(past, encoding)
        conv = keras.layers.Conv1D(filters, kernel_size, padding="same", activation="relu", name="conv")(
            channels
        )
        # The layer attends within each of M series; here there is one.
        attended = SelfAttention(heads, dropout, name="attention")(keras.ops.expand_dims(conv, 1))
        attended = _dropped(keras.ops.squeeze(attended, 1), dropout)
        features = keras.layers.LayerNormalization(name="norm")(keras.layers.Add()([conv, attended]))
        features = Bidirectional(RecurrentLSTM(units), name="bilstm")(features)
        features = _dropped(features, dropout)
        head = ForecastHead(**task.head_arguments(), units=dense_units, dropout=dropout, name="head")
        odds = ForecastHead(
            task.horizon, len(task.target_indices), units=dense_units, dropout=dropout, name="spike_head"
        )
        options: dict[str, Any] = {
            "filters": filters,
            "kernel_size": kernel_size,
            "heads": heads,
            "units": units,
            "dense_units": list(dense_units),
            "dropout": dropout,
            "spike_weight": spike_weight,
            "anchor": anchor,
            "encoding": encoding,
        }
        super().__init__(
            task=task,
            past=past,
            forecast={
                "forecast": anchor_forecast(head(features), past, task, anchor),
                "spike": odds(features),
            },
            options=options,
        )
        self.spike_weight = spike_weight


def _dropped(features: Tensor, dropout: float) -> Any:
    return CheapDropout(dropout)(features) if dropout else features
