"""GRU layers with residual connections."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from tsforecast.layers.head import ForecastHead
from tsforecast.layers.kernels.fused import CheapDropout
from tsforecast.layers.recurrent import GRU as RecurrentGRU
from tsforecast.models.forecaster import (
    Forecaster,
    add_spike_logits,
    append_context,
    append_statistics,
    causal_outputs,
    encode_channels,
    make_spike_head,
)
from tsforecast.models.task import Task
from tsforecast.options import Dropout, EmbeddingWidth, SpikeWeight, Width, Widths


@keras.saving.register_keras_serializable(package="tsforecast")
class GRU(Forecaster):
    """GRU layers with residual connections, ``x + GRU(x)``, with a linear map of x if the widths differ.

    Args:
        task: Inputs and outputs of the model.
        units: Width of each GRU layer; at least one.
        dense_units: Widths of the head's ReLU layers; may be empty.
        dropout: Share dropped between layers and in the head, in [0, 1).
        anchor: Whether to forecast the change from the last known value.
        encoding: ``edges`` and ``units`` of a ``PiecewiseLinear`` encoding of the channels, or None.
        embedding: Width of the embedding of each categorical feature; None for ``embedding_width``.
        spike_head: Whether the model also forecasts the probability of a spike, see ``SpikeDetector``.
        spike_weight: Weight of the spike's cross-entropy, which is added to the loss of the value; at least 0.
        statistics: Statistics of the window that the heads read too, see ``append_statistics``; None for none.

    Source: Cho et al. (2014) for the GRU; He et al. (2016), eq. 2, for the shortcut with a projection.

    Example:
        >>> task = Task(lookback=20, channels=3, lead=1, horizon=4, target_indices=(0,))
        >>> GRU(task, units=[8, 8], dense_units=[8]).output_shape
        (None, 4, 1)
    """

    nominal_params = 280_000

    def __init__(
        self,
        task: Task,
        units: Widths = (128, 128, 64),
        dense_units: Sequence[Width] = (64,),
        dropout: Dropout = 0.0,
        anchor: bool = True,
        encoding: Mapping[str, Any] | None = None,
        embedding: EmbeddingWidth = None,
        spike_head: bool = False,
        spike_weight: SpikeWeight = 0.5,
        statistics: Mapping[str, Any] | None = None,
    ):
        past = task.input_tensor()
        features = encode_channels(past, task, encoding, embedding)
        for depth, width in enumerate(units):
            if depth and dropout:
                features = CheapDropout(dropout)(features)
            shortcut = features
            if features.shape[-1] != width:
                shortcut = keras.layers.Dense(width, use_bias=False, name=f"shortcut_{depth + 1}")(features)
            recurrent = RecurrentGRU(width, return_sequences=True, name=f"gru_{depth + 1}")(features)
            features = keras.layers.Add(name=f"residual_{depth + 1}")([shortcut, recurrent])
        features = append_statistics(append_context(features, past, task), past, statistics)
        head = ForecastHead(**task.head_arguments(), units=dense_units, dropout=dropout, name="head")
        options: dict[str, Any] = {
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
        outputs = causal_outputs(features, past, task, head, anchor)
        odds = make_spike_head(task, dense_units, dropout) if spike_head else None
        super().__init__(task=task, past=past, options=options, **add_spike_logits(outputs, features, odds))
