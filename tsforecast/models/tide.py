"""TiDE: an encoder and a decoder of dense layers, with covariates at the times of the targets."""

from typing import Annotated, Any

import keras
from keras import ops

from tsforecast.layers.kernels.fused import CheapDropout
from tsforecast.layers.linear import TimeLinear
from tsforecast.layers.residual import ResidualBlock
from tsforecast.models.covariates import (
    Covariates,
    add_level,
    forecast_steps,
    repeat_for,
    split_covariates,
)
from tsforecast.models.forecaster import Forecaster, linear_spike_logits, with_spike_logits
from tsforecast.models.histories import read_histories
from tsforecast.models.task import Task
from tsforecast.options import Dropout, EmbeddingWidth, Range, SpikeWeight, Width
from tsforecast.typing import Tensor


@keras.saving.register_keras_serializable(package="tsforecast")
class TiDE(Forecaster):
    """Residual blocks that encode a target's own history with all covariates, and decode them to each step.

    The encoder reads the history, the covariates of each step projected to a few numbers, and what is constant within
    a series. The decoder returns a vector for each step of the horizon; together with the covariates of that step it
    becomes the forecast, to which a linear map of the history is added. All targets share the weights.

    Args:
        task: Inputs and outputs of the model.
        units: Width of the encoder and the decoder.
        encoder_blocks: Number of residual blocks of the encoder.
        decoder_blocks: Number of residual blocks of the decoder, the last one to the steps included.
        step_units: Width of the decoder's vector for each step.
        step_hidden: Width of the hidden layer that reads it.
        covariate_units: Width to which the covariates of each step are projected.
        covariate_hidden: Width of the hidden layer of that projection.
        dropout: Share dropped in each block, in [0, 1).
        layer_norm: Whether each block ends with layer normalization.
        instance_norm: Whether to remove each window's mean and deviation and restore them in the forecast.
        affine: Whether the instance normalization learns a scale and a shift of each target.
        embedding: Width of the embedding of each categorical feature; None for ``embedding_width``.
        spike_head: Whether the model also forecasts the probability of a spike, see ``SpikeDetector``.
        spike_weight: Weight of the spike's cross-entropy, which is added to the loss of the value; at least 0.

    Source: Das et al. (2023), Long-term Forecasting with TiDE: Time-series Dense Encoder, section 4, equations 1 to 5.
        Covariates known up to the last step only, which the paper does not treat, have a projection of their own. The
        block that makes the forecast is not normalized: the published code does so, which leaves a constant of its
        single number, and only the linear map of the history in the forecast.

    Example:
        >>> task = Task(lookback=20, channels=3, lead=1, horizon=4, target_indices=(0,))
        >>> TiDE(task, units=8, step_units=2, step_hidden=4).output_shape
        (None, 4, 1)
    """

    def __init__(
        self,
        task: Task,
        units: Width = 256,
        encoder_blocks: Annotated[int, Range(1, 1000)] = 2,
        decoder_blocks: Annotated[int, Range(1, 1000)] = 2,
        step_units: Width = 8,
        step_hidden: Width = 128,
        covariate_units: Width = 4,
        covariate_hidden: Width = 64,
        dropout: Dropout = 0.3,
        layer_norm: bool = True,
        instance_norm: bool = True,
        affine: bool = False,
        embedding: EmbeddingWidth = None,
        spike_head: bool = False,
        spike_weight: SpikeWeight = 0.5,
    ):
        options: dict[str, Any] = {
            "units": units,
            "encoder_blocks": encoder_blocks,
            "decoder_blocks": decoder_blocks,
            "step_units": step_units,
            "step_hidden": step_hidden,
            "covariate_units": covariate_units,
            "covariate_hidden": covariate_hidden,
            "dropout": dropout,
            "layer_norm": layer_norm,
            "instance_norm": instance_norm,
            "affine": affine,
            "embedding": embedding,
            "spike_head": spike_head,
            "spike_weight": spike_weight,
        }
        past = task.input_tensor()
        history, restore = read_histories(past, task, normalize=instance_norm, affine=affine)  # [B, T, L]
        covariates = _project(split_covariates(past, task, embedding), options)
        steps = _decode(_encode(history, covariates, options), task, options)  # [B, T, H, step_units]
        if covariates.future is not None:
            future = repeat_for(covariates.future, len(task.target_indices))
            steps = keras.layers.Concatenate(name="steps")([steps, future])
        hidden = keras.layers.Dense(step_hidden, activation="relu", name="step_hidden")(steps)
        hidden = CheapDropout(dropout)(hidden)
        # A linear map of both is the residual block of a single number.
        forecast = forecast_steps(keras.layers.Concatenate()([hidden, steps]), task)
        level = ops.swapaxes(TimeLinear(task.horizon, name="history_linear")(history), 1, 2)
        forecast = add_level(forecast, level, task)
        forecast = ops.swapaxes(restore(forecast), 1, 2)
        if spike_head:
            forecast = with_spike_logits(forecast, linear_spike_logits(past, task))
        super().__init__(task=task, past=past, forecast=forecast, options=options)


def _project(covariates: Covariates, options: dict[str, Any]) -> Covariates:
    """Return the covariates with those of each step projected to ``covariate_units`` numbers."""
    projected = {
        name: _block(options["covariate_hidden"], options["covariate_units"], options, f"{name}_projection")(
            values
        )
        for name, values in covariates._asdict().items()
        if values is not None and name != "static"
    }
    return covariates._replace(**projected)


def _encode(history: Tensor, covariates: Covariates, options: dict[str, Any]) -> Tensor:
    """Return ``[B, T, units]``, the encoding of each target."""
    parts = [history]
    for values in covariates:
        if values is not None:
            flat = keras.layers.Flatten()(values)
            parts.append(repeat_for(flat, history.shape[1]))
    encoded = parts[0] if len(parts) == 1 else keras.layers.Concatenate(name="encoder_input")(parts)
    for number in range(1, options["encoder_blocks"] + 1):
        encoded = _block(options["units"], options["units"], options, f"encoder_{number}")(encoded)
    return encoded


def _decode(encoded: Tensor, task: Task, options: dict[str, Any]) -> Tensor:
    """Return ``[B, T, H, step_units]``."""
    for number in range(1, options["decoder_blocks"]):
        encoded = _block(options["units"], options["units"], options, f"decoder_{number}")(encoded)
    width = task.horizon * options["step_units"]
    encoded = _block(options["units"], width, options, f"decoder_{options['decoder_blocks']}")(encoded)
    return ops.reshape(encoded, (-1, len(task.target_indices), task.horizon, options["step_units"]))


def _block(hidden: int, units: int, options: dict[str, Any], name: str) -> ResidualBlock:
    return ResidualBlock(hidden, units, options["dropout"], options["layer_norm"], name=name)
