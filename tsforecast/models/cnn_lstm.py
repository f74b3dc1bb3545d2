"""CNN-LSTM."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import keras

from tsforecast.layers.head import ForecastHead
from tsforecast.layers.kernels.fused import CheapDropout
from tsforecast.layers.recurrent import LSTM as RecurrentLSTM
from tsforecast.models.forecaster import Forecaster, anchor_forecast, causal_outputs, encode_channels
from tsforecast.models.task import Task
from tsforecast.options import Dropout, NotEmpty, Range, Width, Widths

PADDINGS = ("causal", "same")


@keras.saving.register_keras_serializable(package="tsforecast")
class CNNLSTM(Forecaster):
    """Convolutions at several scales side by side, concatenated, then LSTM layers and a dense head.

    Args:
        task: what to forecast from what.
        filters: of each convolution, at least 1.
        kernel_sizes: width in steps of each convolution, at least one.
        padding: ``causal`` looks back only, so that the model forecasts at every step of its window; ``same`` centres
            each convolution, and the model forecasts at its last step only.
        units: width of each LSTM layer, at least one.
        dense_units: widths of the head's ReLU layers; may be empty.
        dropout: share dropped before each LSTM layer but the first, and in the head, in [0, 1).
        anchor: forecast the change from the last known value.
        encoding: ``edges`` and ``units`` of a ``PiecewiseLinear`` encoding of the channels, or None.

    Raises:
        ValueError: ``padding`` is neither, or ``kernel_sizes`` is empty.

    Source: Kim & Cho (2019), Predicting residential energy consumption using CNN-LSTM neural networks, for convolutions
    before an LSTM; there one after the other and with pooling, here at three scales side by side and without.
    """

    nominal_params = 450_000

    def __init__(
        self,
        task: Task,
        filters: Width = 64,
        kernel_sizes: Annotated[Sequence[int], Range(1, 10_000), NotEmpty(3)] = (3, 5, 7),
        padding: str = "causal",
        units: Widths = (128, 64),
        dense_units: Sequence[Width] = (64,),
        dropout: Dropout = 0.0,
        anchor: bool = True,
        encoding: Mapping[str, Any] | None = None,
    ):
        if padding not in PADDINGS:
            raise ValueError(f"padding={padding} is not one of {', '.join(PADDINGS)}.")
        if not kernel_sizes:
            raise ValueError("kernel_sizes is empty: give at least one width, as in [3,5,7].")
        past = task.input_tensor()
        channels = encode_channels(past, encoding)
        scales = [
            keras.layers.Conv1D(
                filters, width, padding=padding, activation="relu", name=f"conv_{i}_width_{width}"
            )(channels)
            for i, width in enumerate(kernel_sizes, 1)
        ]
        features = keras.layers.Concatenate(name="scales")(scales) if len(scales) > 1 else scales[0]
        for depth, width in enumerate(units):
            if depth and dropout:
                features = CheapDropout(dropout)(features)
            features = RecurrentLSTM(width, return_sequences=True, name=f"lstm_{depth + 1}")(features)
        head = ForecastHead(**task.head_arguments(), units=dense_units, dropout=dropout, name="head")
        outputs = (
            causal_outputs(features, past, task, head, anchor)
            if padding == "causal"
            else {"forecast": anchor_forecast(head(features[:, -1]), past, task, anchor)}
        )
        options: dict[str, Any] = {
            "filters": filters,
            "kernel_sizes": list(kernel_sizes),
            "padding": padding,
            "units": list(units),
            "dense_units": list(dense_units),
            "dropout": dropout,
            "anchor": anchor,
            "encoding": encoding,
        }
        super().__init__(task=task, past=past, options=options, **outputs)
