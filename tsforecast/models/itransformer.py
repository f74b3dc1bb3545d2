"""iTransformer: a transformer whose tokens are whole series."""

from typing import Annotated, Any

import keras
from keras import ops

from tsforecast.layers.encoder import EncoderBlock
from tsforecast.layers.head import fan_in_uniform
from tsforecast.layers.kernels.fused import CheapDropout
from tsforecast.models.covariates import (
    Covariates,
    forecast_targets,
    split_covariates,
    target_spike_logits,
)
from tsforecast.models.forecaster import Forecaster, with_spike_logits
from tsforecast.models.histories import read_histories
from tsforecast.models.task import Task
from tsforecast.options import Dropout, EmbeddingWidth, Range, SpikeWeight, Width
from tsforecast.typing import Tensor


@keras.saving.register_keras_serializable(package="tsforecast")
class ITransformer(Forecaster):
    """A transformer that attends among series: each whole history is one token.

    The tokens of the targets are mapped to their forecasts. Other measured channels and covariates known ahead are
    tokens as well, each embedded from its steps; what is constant within a series is one more.

    Args:
        task: Inputs and outputs of the model.
        d_model: D, width of the encoder, a multiple of ``heads``.
        heads: Number of attention heads.
        layers: Number of encoder blocks, at least 1.
        d_ff: Width of each block's inner network.
        dropout: Share dropped after the embedding and in each block, in [0, 1).
        attention_dropout: Share of the attention weights dropped, in [0, 1).
        instance_norm: Whether to remove the mean and the deviation of each target's window and restore them.
        embedding: Width of the embedding of each categorical feature; None for ``embedding_width``.
        spike_head: Whether the model also forecasts the probability of a spike, see ``SpikeDetector``.
        spike_weight: Weight of the spike's cross-entropy, which is added to the loss of the value; at least 0.

    Raises:
        ValueError: ``d_model`` is not a multiple of ``heads``.

    Source: Liu et al. (2024), iTransformer: Inverted Transformers Are Effective for Time Series Forecasting, section
        3.1, equation 1, and section 3.2; the norm after the last block as in the published code. Covariates are tokens
        as its time stamps are; the paper has none that are known ahead or static.

    Example:
        >>> task = Task(lookback=20, channels=3, lead=1, horizon=4, target_indices=(0,))
        >>> ITransformer(task, d_model=8, heads=2, layers=1, d_ff=8).output_shape
        (None, 4, 1)
    """

    def __init__(
        self,
        task: Task,
        d_model: Width = 256,
        heads: Annotated[int, Range(1, 1024)] = 8,
        layers: Annotated[int, Range(1, 1000)] = 2,
        d_ff: Width = 256,
        dropout: Dropout = 0.1,
        attention_dropout: Dropout = 0.1,
        instance_norm: bool = True,
        embedding: EmbeddingWidth = None,
        spike_head: bool = False,
        spike_weight: SpikeWeight = 0.5,
    ):
        if d_model % heads:
            raise ValueError(f"d_model={d_model} must be a multiple of heads={heads}.")
        options: dict[str, Any] = {
            "d_model": d_model,
            "heads": heads,
            "layers": layers,
            "d_ff": d_ff,
            "dropout": dropout,
            "attention_dropout": attention_dropout,
            "instance_norm": instance_norm,
            "embedding": embedding,
            "spike_head": spike_head,
            "spike_weight": spike_weight,
        }
        past = task.input_tensor()
        targets = len(task.target_indices)
        history, restore = read_histories(past, task, normalize=instance_norm)  # [B, T, L]
        tokens = _embed(history, split_covariates(past, task, embedding), options)[:, None]  # [B, 1, M, D]
        for number in range(1, layers + 1):
            block = EncoderBlock(
                heads, d_ff, dropout, attention_dropout, norm="layer", name=f"block_{number}"
            )
            tokens = block(tokens)
        tokens = keras.layers.LayerNormalization(epsilon=1e-5, name="norm")(tokens[:, 0, :targets])
        forecast = forecast_targets(tokens, task)  # [B, T, H(, Q)]
        forecast = ops.swapaxes(restore(forecast), 1, 2)
        if spike_head:
            forecast = with_spike_logits(forecast, target_spike_logits(tokens, task))
        super().__init__(task=task, past=past, forecast=forecast, options=options)


def _embed(history: Tensor, covariates: Covariates, options: dict[str, Any]) -> Tensor:
    """Return a token for each target, measured channel and covariate known ahead, and one for all that is constant."""
    steps = history
    if covariates.past is not None:
        steps = keras.layers.Concatenate(axis=1, name="series")(
            [history, ops.swapaxes(covariates.past, 1, 2)]
        )
    parts = [_map(steps, "embedding", options)]
    if covariates.future is not None:
        parts.append(_map(ops.swapaxes(covariates.future, 1, 2), "future_embedding", options))
    if covariates.static is not None:
        parts.append(_map(covariates.static[:, None], "static_embedding", options))
    tokens = parts[0] if len(parts) == 1 else keras.layers.Concatenate(axis=1, name="tokens")(parts)
    return CheapDropout(options["dropout"])(tokens)


def _map(steps: Tensor, name: str, options: dict[str, Any]) -> Tensor:
    return keras.layers.Dense(options["d_model"], kernel_initializer=fan_in_uniform(), name=name)(steps)
