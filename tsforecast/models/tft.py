"""TFT: variable selection, an LSTM over window and horizon, and attention of the horizon to both."""

from dataclasses import replace
from typing import Annotated, Any

import keras
from keras import ops

from tsforecast.layers.gating import (
    GatedResidual,
    GatedSum,
    InterpretableAttention,
    Positions,
    VariableSelection,
)
from tsforecast.layers.head import ForecastHead, fan_in_uniform
from tsforecast.layers.recurrent import LSTM
from tsforecast.models.covariates import repeat_for, split_covariates
from tsforecast.models.forecaster import Forecaster, with_spike_logits
from tsforecast.models.histories import read_histories
from tsforecast.models.task import Task
from tsforecast.options import Dropout, EmbeddingWidth, Range, SpikeWeight, Width
from tsforecast.typing import Tensor


@keras.saving.register_keras_serializable(package="tsforecast")
class TFT(Forecaster):
    """The temporal fusion transformer: gated networks that choose among inputs at each step, an LSTM and attention.

    What is measured is read at the steps of the window, what is known ahead at those of the horizon, each with its
    position; what is constant within a series starts the LSTM and enters the choices and the features.

    Args:
        task: Inputs and outputs of the model.
        units: Width of all layers, a multiple of ``heads``.
        heads: Number of attention heads.
        dropout: Share dropped before each gate and of the attention weights, in [0, 1).
        instance_norm: Whether to remove the mean and the deviation of each target's window and restore them.
        embedding: Width of the embedding of each categorical feature; None for ``embedding_width``.
        spike_head: Whether the model also forecasts the probability of a spike, see ``SpikeDetector``.
        spike_weight: Weight of the spike's cross-entropy, which is added to the loss of the value; at least 0.

    Raises:
        ValueError: ``units`` is not a multiple of ``heads``.

    Source: Lim et al. (2021), Temporal Fusion Transformers for Interpretable Multi-horizon Time Series Forecasting,
        section 4. The position of each step is an input of both parts, since a horizon without covariates would have
        none; several targets are forecast by one network.

    Example:
        >>> task = Task(lookback=20, channels=3, lead=1, horizon=4, target_indices=(0,))
        >>> TFT(task, units=8, heads=2).output_shape
        (None, 4, 1)
    """

    def __init__(
        self,
        task: Task,
        units: Width = 64,
        heads: Annotated[int, Range(1, 1024)] = 4,
        dropout: Dropout = 0.1,
        instance_norm: bool = False,
        embedding: EmbeddingWidth = None,
        spike_head: bool = False,
        spike_weight: SpikeWeight = 0.5,
    ):
        if units % heads:
            raise ValueError(f"units={units} must be a multiple of heads={heads}.")
        options: dict[str, Any] = {
            "units": units,
            "heads": heads,
            "dropout": dropout,
            "instance_norm": instance_norm,
            "embedding": embedding,
            "spike_head": spike_head,
            "spike_weight": spike_weight,
        }
        past = task.input_tensor()
        history, restore = read_histories(past, task, normalize=instance_norm)  # [B, T, L]
        covariates = split_covariates(past, task, embedding)
        places = [
            Positions(first, count)(past)
            for first, count in ((1 - task.lookback, task.lookback), (task.lead, task.horizon))
        ]
        window = [ops.swapaxes(history, 1, 2), covariates.past, places[0]]
        ahead = [covariates.future, places[1]]
        features = _fuse(_join(window), _join(ahead), covariates.static, options)  # [B, H, D]
        forecast = _head(features, task, "head")
        forecast = ops.swapaxes(restore(ops.swapaxes(forecast, 1, 2)), 1, 2)
        if spike_head:
            plain = replace(task, quantile_levels=None, distribution=None)
            forecast = with_spike_logits(forecast, _head(features, plain, "spike_head"))
        super().__init__(task=task, past=past, forecast=forecast, options=options)


def _join(parts: list[Tensor]) -> Tensor:
    present = [part for part in parts if part is not None]
    return keras.layers.Concatenate()(present) if len(present) > 1 else present[0]


def _fuse(window: Tensor, ahead: Tensor, static: Tensor, options: dict[str, Any]) -> Tensor:
    """Return the features of each step of the horizon ``[B, H, D]``.

    Args:
        window: Variables of the window ``[B, L, V]``.
        ahead: Variables of the horizon ``[B, H, W]``.
        static: Variables of the series ``[B, S]``, or None.
        options: Widths and dropout.
    """
    units, dropout, horizon = options["units"], options["dropout"], ahead.shape[1]
    contexts = {} if static is None else _contexts(static, units, dropout)
    selected = [
        VariableSelection(units, dropout, name=f"select_{name}")(variables, contexts.get("selection"))
        for name, variables in (("window", window), ("ahead", ahead))
    ]
    start = [contexts["hidden"], contexts["cell"]] if contexts else None
    encoded, *states = LSTM(units, return_sequences=True, return_state=True, name="encoder")(
        selected[0], initial_state=start
    )
    decoded = LSTM(units, return_sequences=True, name="decoder")(selected[1], initial_state=states)
    steps, inputs = (keras.layers.Concatenate(axis=1)(pair) for pair in ((encoded, decoded), selected))
    steps = GatedSum(units, dropout, name="after_lstm")(steps, inputs)
    context = repeat_for(contexts["enrichment"], steps.shape[1]) if contexts else None
    enriched = GatedResidual(units, dropout=dropout, name="enrich")(steps, context)
    attended = InterpretableAttention(options["heads"], horizon, dropout, name="attention")(enriched)
    attended = GatedSum(units, dropout, name="after_attention")(attended, enriched[:, -horizon:])
    features = GatedResidual(units, dropout=dropout, name="feed_forward")(attended)
    return GatedSum(units, name="after_feed_forward")(features, steps[:, -horizon:])


def _contexts(static: Tensor, units: int, dropout: float) -> dict[str, Tensor]:
    """Return the four contexts ``[B, D]`` that the variables of a series give."""
    chosen = VariableSelection(units, dropout, name="select_static")(static[:, None])[:, 0]
    names = ("selection", "enrichment", "hidden", "cell")
    return {name: GatedResidual(units, dropout=dropout, name=f"static_{name}")(chosen) for name in names}


def _head(features: Tensor, task: Task, name: str) -> Tensor:
    """Map ``[B, H, D]`` to ``[B, H, T(, Q)]``."""
    arguments = {**task.head_arguments(), "horizon": 1}
    head = ForecastHead(**arguments, kernel_initializer=fan_in_uniform(), name=name)
    return ops.squeeze(head(features), axis=2)
