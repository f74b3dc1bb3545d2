"""A forecaster that also forecasts the odds of a spike."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import keras

from tsforecast.layers.anchor import Anchor
from tsforecast.layers.encoder import SelfAttention
from tsforecast.layers.head import ForecastHead
from tsforecast.layers.kernels.fused import CheapDropout
from tsforecast.layers.recurrent import LSTM as RecurrentLSTM
from tsforecast.layers.recurrent import Bidirectional
from tsforecast.layers.window_features import FeatureEmbedding, WindowFeatures, count_steps, thin_steps
from tsforecast.models.forecaster import (
    Forecaster,
    add_spike_logits,
    anchor_forecast,
    append_context,
    append_statistics,
    causal_outputs,
    encode_channels,
    make_spike_head,
    with_spike_logits,
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

    With ``causal`` and a ``stride``, the convolution makes one step of every ``stride`` steps, and attention and LSTMs
    run over these. At each of them the forward LSTM has read the window up to it, the backward LSTM the newest
    ``backward_steps`` from it on back, and no layer a later one: both heads are trained at all of them that are among
    the newest ``trained_steps`` of the window. The heads also read ``window_features``. With ``causal`` alone, there is
    no stride, and the backward LSTM adds to the features of the last step only. Without, every layer reads the window
    in both directions, and the model forecasts at its last step only.

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
        stride: Steps of the window for each step of the convolution; None in models saved before.
        trained_steps: With a ``stride``, the newest steps of the window within which the heads are trained; None for
            all. Features of earlier steps lack much of their history.
        window_features: With a ``stride``, arguments of ``WindowFeatures`` and ``FeatureEmbedding`` and the ``units``
            of the layer that reads them along with the LSTMs; None for none.

    Raises:
        ValueError: ``filters`` is not a multiple of ``heads``, ``spike_weight`` is negative, or options exclude each
            other.

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
        stride: Annotated[int | None, Range(1, 10_000)] = None,
        trained_steps: Annotated[int | None, Range(1, 100_000)] = None,
        window_features: Mapping[str, Any] | None = None,
    ):
        if filters % heads:
            raise ValueError(f"filters={filters} must be a multiple of heads={heads}.")
        if not spike_weight >= 0:
            raise ValueError(f"spike_weight={spike_weight} is out of range: it must be at least 0.")
        if stride is None and (window_features is not None or trained_steps is not None):
            raise ValueError("window_features and trained_steps need a stride, as in stride=10.")
        if stride is not None and (statistics is not None or not causal):
            raise ValueError(
                "A stride needs causal=true and statistics=null; window_features include statistics."
            )
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
            "stride": stride,
            "trained_steps": trained_steps,
            "window_features": window_features,
        }
        past = task.input_tensor()
        channels = encode_channels(past, task, encoding, embedding)
        features = _attend(channels, filters, kernel_size, heads, dropout, causal, stride or 1)
        if stride is not None:
            outputs = _forecast_at_steps(features, past, task, options)
        else:
            outputs = _forecast_at_every_step(features, past, task, options)
        super().__init__(task=task, past=past, options=options, **outputs)
        self.spike_focus = spike_focus

    @property
    def sequence_stride(self) -> int:
        return self.options["stride"] or 1


def _forecast_at_every_step(
    features: Tensor, past: Tensor, task: Task, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the outputs of a model without a stride, as ``Forecaster`` takes them."""
    units, dropout, anchor = (options[name] for name in ("units", "dropout", "anchor"))
    if options["causal"]:
        read = _read_causally(features, units, options["backward_steps"])
    else:
        read = _read_both_ways(features, units)
    features = append_context(_drop(read, dropout), past, task)
    features = append_statistics(features, past, options["statistics"])
    head, odds = _heads(task, options)
    if options["causal"]:
        return add_spike_logits(causal_outputs(features, past, task, head, anchor), features, odds)
    value = anchor_forecast(head(features), past, task, anchor)
    return {"forecast": {"forecast": value, "spike": odds(features)}}


def _forecast_at_steps(
    features: Tensor, past: Tensor, task: Task, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the outputs of a model with a stride: of the last step, and of the steps at which it is trained.

    Args:
        features: Of the steps of the convolution ``[B, S, D]``.
        past: The input of the model ``[B, L, C]``.
        task: Its task.
        options: Arguments of the model.
    """
    stride, dropout = options["stride"], options["dropout"]
    trained = options["trained_steps"]
    steps = count_steps(task.lookback, stride, None if trained is None else -(-trained // stride))
    backward_steps = options["backward_steps"]
    reach = features.shape[1] if backward_steps is None else -(-backward_steps // stride)
    read = _drop(_read_both_directions(features, options["units"], steps, reach), dropout)
    head, odds = _heads(task, options)
    trained_at, newest = _join_window_features(read, past, task, options)
    sequence = head(trained_at)
    if options["anchor"]:
        at_steps = Anchor(task.target_indices, every_step=True, points=task.points)
        sequence = at_steps(sequence, thin_steps(past, stride, steps))
    value = anchor_forecast(head(newest[:, -1]), past, task, options["anchor"])
    return {
        "forecast": with_spike_logits(value, odds(newest[:, -1])),
        "sequence": {"forecast": sequence, "spike": odds(trained_at)},
    }


def _join_window_features(
    read: Tensor, past: Tensor, task: Task, options: Mapping[str, Any]
) -> tuple[Tensor, Tensor]:
    """Return the features of the heads at the newest steps ``[B, S, D]``, and those of the last step ``[B, 1, D]``.

    Without window features, they are what the LSTMs read and the summaries of earlier rows.
    """
    stride, dropout, given = options["stride"], options["dropout"], options["window_features"]
    if given is None:
        joined = append_context(read, thin_steps(past, stride, read.shape[1]), task)
        return joined, joined[:, -1:]
    arguments = {name: given[name] for name in ("channels", "measured", "targets", "lags", "spans")}
    embedding = FeatureEmbedding(given["edges"], given["width"], name="feature_embedding")
    layer = keras.layers.Dense(given["units"], activation="silu", name="joined")

    def join(part: Tensor, name: str) -> Tensor:
        steps = part.shape[1]
        values = WindowFeatures(**arguments, stride=stride, steps=steps, name=name)(past)
        return _drop(layer(keras.layers.Concatenate()([part, _drop(embedding(values), dropout)])), dropout)

    # A forecast needs the last step alone; for it, the others are not computed.
    return join(read, "window_features"), join(read[:, -1:], "newest_features")


def _heads(task: Task, options: Mapping[str, Any]) -> tuple[ForecastHead, ForecastHead]:
    """Return the heads of the value and of the odds of a spike."""
    units, dropout = options["dense_units"], options["dropout"]
    head = ForecastHead(**task.head_arguments(), units=units, dropout=dropout, name="head")
    return head, make_spike_head(task, units, dropout)


def _attend(
    channels: Tensor, filters: int, kernel_size: int, heads: int, dropout: float, causal: bool, stride: int
) -> Tensor:
    """Return the convolution plus attention over it, normalized, ``[B, ceil(L / stride), filters]``."""
    padding = "causal" if causal else "same"
    first = (channels.shape[1] - 1) % stride  # from which the convolution's last step is that of the window
    conv = keras.layers.Conv1D(
        filters, kernel_size, strides=stride, padding=padding, activation="relu", name="conv"
    )(channels[:, first:] if first else channels)
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


def _read_both_directions(features: Tensor, units: int, steps: int, reach: int) -> Tensor:
    """Return features, forward and backward LSTM of the newest steps, none of which has seen a later one.

    Args:
        features: ``[B, S, D]``.
        units: Width of each LSTM.
        steps: How many of the steps to return.
        reach: How many steps, from each on back, the backward LSTM reads; it reads zeros before the window.

    Returns: ``[B, steps, D + 2 units]``.
    """
    forward = RecurrentLSTM(units, return_sequences=True, name="forward")(features)
    reach = min(reach, features.shape[1])
    padded = keras.ops.pad(features, ((0, 0), (reach - 1, 0), (0, 0)))
    last = padded.shape[1]
    back = [padded[:, last - steps - k : last - k] for k in range(reach)]
    stretches = keras.ops.reshape(keras.ops.stack(back, axis=2), (-1, reach, features.shape[-1]))
    backward = RecurrentLSTM(units, name="backward")(stretches)
    backward = keras.ops.reshape(backward, (-1, steps, units))
    return keras.layers.Concatenate(name="features")([features[:, -steps:], forward[:, -steps:], backward])


def _drop(features: Tensor, dropout: float) -> Tensor:
    return CheapDropout(dropout)(features) if dropout else features
