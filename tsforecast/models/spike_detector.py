"""A forecaster that also forecasts the odds of a spike."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import keras

from tsforecast.layers.encoder import SelfAttention
from tsforecast.layers.head import ForecastHead
from tsforecast.layers.kernels.fused import CheapDropout
from tsforecast.layers.recurrent import LSTM as RecurrentLSTM
from tsforecast.layers.recurrent import Bidirectional
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
from tsforecast.options import Dropout, EmbeddingWidth, Range, SpikeWeight, Width
from tsforecast.typing import Tensor


@keras.saving.register_keras_serializable(package="tsforecast")
class SpikeDetector(Forecaster):
    """A convolution, self-attention and a bidirectional LSTM, with two heads: the value and the odds of a spike.

    The output is a dict: ``forecast`` scaled ``[B, H, T]`` (``[B, H, T, Q]`` with quantile levels), and ``spike``
    ``[B, H, T]``, float32 logits of the probability that the target is then above its last known value by more than
    the threshold in the model's metadata. Both are trained together, see ``Objective``.

    With ``causal``, convolution, attention and the forward LSTM see no later step, and both heads are trained at every
    step of the window. The backward LSTM, which has seen the newest steps, adds to the features of the last step only;
    they are zero at the steps before. Without, every layer reads the window in both directions, and the model forecasts
    at its last step only.

    Args:
        task: Inputs and outputs of the model.
        filters: Filters of the convolution and width of the attention, a multiple of ``heads``.
        kernel_size: Width of the convolution in steps.
        heads: Number of attention heads.
        units: Width of the LSTM in each direction.
        dense_units: Widths of the ReLU layers of each head; may be empty.
        dropout: Share dropped of the attention weights, after the attention, after the LSTM and in the heads, in
            [0, 1).
        spike_weight: Weight of the spike's cross-entropy, which is added to the loss of the value; at least 0.
        spike_focus: Power of the focal loss, which counts spikes and alarms that are forecast well less; 0 for the
            cross-entropy.
        anchor: Whether to forecast the change from the last known value.
        encoding: ``edges`` and ``units`` of a ``PiecewiseLinear`` encoding of the channels, or None.
        embedding: Width of the embedding of each categorical feature; None for ``embedding_width``.
        causal: Whether the model forecasts at every step of the window; False in models saved before 0.2.
        backward_steps: With ``causal``, number of newest steps that the backward LSTM reads; None for all.
        statistics: Statistics of the window that the heads read too, see ``append_statistics``; None for none.

    Raises:
        ValueError: ``filters`` is not a multiple of ``heads``, or ``spike_weight`` is negative.

    Source: Vaswani et al. (2017), sections 3.2.2 and 5.4, for the attention block (post-norm; without positions, which
    the LSTM after it adds); Graves & Schmidhuber (2005) for the bidirectional LSTM; Lin et al. (2017), Focal Loss for
    Dense Object Detection, for ``spike_focus``.

    Example:
        >>> task = Task(lookback=20, channels=3, lead=1, horizon=4, target_indices=(0,))
        >>> sorted(SpikeDetector(task, filters=8, units=8, dense_units=[8]).output)
        ['forecast', 'spike']
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
        spike_weight: SpikeWeight = 0.5,
        spike_focus: Annotated[float, Range(0.0, 10.0)] = 0.0,
        anchor: bool = True,
        encoding: Mapping[str, Any] | None = None,
        embedding: EmbeddingWidth = None,
        causal: bool = False,
        backward_steps: Annotated[int | None, Range(1, 100_000)] = None,
        statistics: Mapping[str, Any] | None = None,
    ):
        if filters % heads:
            raise ValueError(f"filters={filters} must be a multiple of heads={heads}.")
        if not spike_weight >= 0:
            raise ValueError(f"spike_weight={spike_weight} is out of range: it must be at least 0.")
        past = task.input_tensor()
        channels = encode_channels(past, task, encoding, embedding)
        features = _attend(channels, filters, kernel_size, heads, dropout, causal)
        read = _read_causally(features, units, backward_steps) if causal else _read_both_ways(features, units)
        features = append_context(_drop(read, dropout), past, task)
        features = append_statistics(features, past, statistics)
        head = ForecastHead(**task.head_arguments(), units=dense_units, dropout=dropout, name="head")
        odds = make_spike_head(task, dense_units, dropout)
        options: dict[str, Any] = {
            "filters": filters,
            "kernel_size": kernel_size,
            "heads": heads,
            "units": units,
            "dense_units": list(dense_units),
            "dropout": dropout,
            "spike_weight": spike_weight,
            "spike_focus": spike_focus,
            "anchor": anchor,
            "encoding": encoding,
            "embedding": embedding,
            "causal": causal,
            "backward_steps": backward_steps,
            "statistics": statistics,
        }
        if causal:
            outputs = add_spike_logits(causal_outputs(features, past, task, head, anchor), features, odds)
        else:
            value = anchor_forecast(head(features), past, task, anchor)
            outputs = {"forecast": {"forecast": value, "spike": odds(features)}}
        super().__init__(task=task, past=past, options=options, **outputs)
        self.spike_focus = spike_focus


def _attend(
    channels: Tensor, filters: int, kernel_size: int, heads: int, dropout: float, causal: bool
) -> Tensor:
    """Return the convolution plus attention over it, normalized, ``[B, L, filters]``."""
    padding = "causal" if causal else "same"
    conv = keras.layers.Conv1D(filters, kernel_size, padding=padding, activation="relu", name="conv")(
        channels
    )
    # The layer attends within each of M series; here there is one.
    attention = SelfAttention(heads, dropout, causal=causal, name="attention")
    attended = _drop(keras.ops.squeeze(attention(keras.ops.expand_dims(conv, 1)), 1), dropout)
    return keras.layers.LayerNormalization(name="norm")(keras.layers.Add()([conv, attended]))


def _read_both_ways(features: Tensor, units: int) -> Tensor:
    """Return the last states of a bidirectional LSTM ``[B, 2 units]``."""
    return Bidirectional(RecurrentLSTM(units), name="bilstm")(features)


def _read_causally(features: Tensor, units: int, backward_steps: int | None) -> Tensor:
    """Return features, forward and backward LSTM of each step; the backward one is zero before the last step."""
    forward = RecurrentLSTM(units, return_sequences=True, name="forward")(features)
    newest = features if backward_steps is None else features[:, -backward_steps:]
    backward = keras.ops.expand_dims(RecurrentLSTM(units, go_backwards=True, name="backward")(newest), 1)
    backward = keras.ops.pad(backward, ((0, 0), (features.shape[1] - 1, 0), (0, 0)))
    return keras.layers.Concatenate(name="features")([features, forward, backward])


def _drop(features: Tensor, dropout: float) -> Tensor:
    return CheapDropout(dropout)(features) if dropout else features
