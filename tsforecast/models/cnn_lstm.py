"""CNN-LSTM: convolutions at several scales, then LSTM layers."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import keras

from tsforecast.layers.head import ForecastHead
from tsforecast.layers.kernels.fused import CheapDropout
from tsforecast.layers.recurrent import LSTM as RecurrentLSTM
from tsforecast.models.forecaster import (
    Forecaster,
    add_spike_logits,
    anchor_forecast,
    append_context,
    append_statistics,
    causal_outputs,
    encode_channels,
    make_spike_head,
)
from tsforecast.models.task import Task
from tsforecast.options import Dropout, EmbeddingWidth, NotEmpty, Range, SpikeWeight, Width, Widths

PADDINGS = ("causal", "same")


@keras.saving.register_keras_serializable(package="tsforecast")
class CNNLSTM(Forecaster):
    """Parallel convolutions at several scales, concatenated, then LSTM layers and a dense head.

    Args:
        task: Inputs and outputs of the model.
        filters: Filters of each convolution.
        kernel_sizes: Width in steps of each convolution; at least one.
        padding: ``causal`` looks back only, and the model forecasts at every step of its window; ``same`` centers each
            convolution, and the model forecasts at its last step only.
        units: Width of each LSTM layer; at least one.
        dense_units: Widths of the head's ReLU layers; may be empty.
        dropout: Share dropped before each LSTM layer except the first, and in the head, in [0, 1).
        anchor: Whether to forecast the change from the last known value.
        encoding: ``edges`` and ``units`` of a ``PiecewiseLinear`` encoding of the channels, or None.
        embedding: Width of the embedding of each categorical feature; None for ``embedding_width``.
        spike_head: Whether the model also forecasts the probability of a spike, see ``SpikeDetector``.
        spike_weight: Weight of the spike's cross-entropy, which is added to the loss of the value; at least 0.
        statistics: Statistics of the window that the heads read too, see ``append_statistics``; None for none.

    Raises:
        ValueError: ``padding`` is neither of the two, or ``kernel_sizes`` is empty.

    Source: Kim & Cho (2019), Predicting residential energy consumption using CNN-LSTM neural networks, for convolutions
    before an LSTM; there in sequence and with pooling, here in parallel at three scales and without pooling.

    Example:
        >>> task = Task(lookback=20, channels=3, lead=1, horizon=4, target_indices=(0,))
        >>> CNNLSTM(task, filters=4, units=[8], dense_units=[8]).output_shape
        (None, 4, 1)
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
        embedding: EmbeddingWidth = None,
        spike_head: bool = False,
        spike_weight: SpikeWeight = 0.5,
        statistics: Mapping[str, Any] | None = None,
    ):
        if padding not in PADDINGS:
            raise ValueError(f"padding={padding} is not one of {', '.join(PADDINGS)}.")
        if not kernel_sizes:
            raise ValueError("kernel_sizes is empty: give at least one width, as in [3,5,7].")
        past = task.input_tensor()
        channels = encode_channels(past, task, encoding, embedding)
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
        features = append_statistics(append_context(features, past, task), past, statistics)
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
            "embedding": embedding,
            "spike_head": spike_head,
            "spike_weight": spike_weight,
            "statistics": statistics,
        }
        odds = make_spike_head(task, dense_units, dropout) if spike_head else None
        outputs = add_spike_logits(outputs, features, odds)
        super().__init__(task=task, past=past, options=options, **outputs)
