"""PatchTST: a transformer over patches of each series."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import keras
from keras import ops

from tsforecast.layers.encoder import NORMS, EncoderBlock
from tsforecast.layers.head import ForecastHead, fan_in_uniform
from tsforecast.layers.patches import HiddenPatches, Patches
from tsforecast.models.forecaster import Forecaster, shift_by_categories, with_spike_logits
from tsforecast.models.histories import read_histories
from tsforecast.models.task import Task
from tsforecast.options import Dropout, EmbeddingWidth, Range, SpikeWeight, Width
from tsforecast.typing import Tensor

CHANNELS = ("targets", "all")


@keras.saving.register_keras_serializable(package="tsforecast")
class PatchTST(Forecaster):
    """A transformer over the patches of each series separately, with one encoder and one head for all of them.

    With ``channels=targets`` every target is forecast from its own history, as in the paper; the other channels would
    not affect the forecast and are not computed. With ``channels=all`` the shared encoder reads every channel and the
    head combines all of them, which is no longer channel-independent. The model attends to its whole window, and
    therefore forecasts at its last step only.

    Args:
        task: Inputs and outputs of the model.
        d_model: D, width of the encoder, a multiple of ``heads``.
        heads: Number of attention heads.
        layers: Number of encoder blocks, at least 1.
        d_ff: Width of each block's inner network.
        dropout: Share dropped after adding the positions and in each block, in [0, 1).
        attention_dropout: Share of the attention weights dropped, in [0, 1).
        patch_len: Steps in a patch.
        patch_stride: Steps from one patch to the next.
        padding: ``end`` or ``none``, see ``Patches``.
        instance_norm: Whether to remove each window's mean and deviation and restore them in the forecast.
        affine: Whether the instance normalization learns a scale and a shift.
        norm: ``batch``, computed separately for each part if training cuts a batch into parts, or ``layer``.
        pre_norm: Whether the norms come before each part of a block instead of after.
        channels: ``targets`` or ``all``; codes of categories are not among the histories.
        embedding: Width of the embedding of each categorical feature, whose learned level is added to the forecast;
            None for ``embedding_width``.
        spike_head: Whether the model also forecasts the probability of a spike, see ``SpikeDetector``.
        spike_weight: Weight of the spike's cross-entropy, which is added to the loss of the value; at least 0.

    Raises:
        ValueError: An argument is out of its range.

    Source: Nie et al. (2023), A Time Series is Worth 64 Words, section 3.1. The published code also passes attention
    scores from block to block, which the paper does not describe and this implementation omits.

    Example:
        >>> task = Task(lookback=20, channels=3, lead=1, horizon=4, target_indices=(0,))
        >>> PatchTST(task, d_model=8, heads=2, layers=1, d_ff=8, patch_len=8, patch_stride=4).output_shape
        (None, 4, 1)
    """

    def __init__(
        self,
        task: Task,
        d_model: Width = 128,
        heads: Annotated[int, Range(1, 1024)] = 16,
        layers: Annotated[int, Range(1, 1000)] = 3,
        d_ff: Width = 256,
        dropout: Dropout = 0.2,
        attention_dropout: Dropout = 0.0,
        patch_len: Annotated[int, Range(1, 100_000)] = 16,
        patch_stride: Annotated[int, Range(1, 100_000)] = 8,
        padding: str = "end",
        instance_norm: bool = True,
        affine: bool = False,
        norm: str = "batch",
        pre_norm: bool = False,
        channels: str = "targets",
        embedding: EmbeddingWidth = None,
        spike_head: bool = False,
        spike_weight: SpikeWeight = 0.5,
    ):
        options: dict[str, Any] = {
            "d_model": d_model,
            "heads": heads,
            "layers": layers,
            "d_ff": d_ff,
            "dropout": dropout,
            "attention_dropout": attention_dropout,
            "patch_len": patch_len,
            "patch_stride": patch_stride,
            "padding": padding,
            "instance_norm": instance_norm,
            "affine": affine,
            "norm": norm,
            "pre_norm": pre_norm,
            "channels": channels,
            "embedding": embedding,
            "spike_head": spike_head,
            "spike_weight": spike_weight,
        }
        _check(options)
        read = tuple(task.sequence_channels) if channels == "all" else task.target_indices
        past = task.input_tensor()
        history, restore = read_histories(  # [B, M, L]
            past, task, normalize=instance_norm, affine=affine, channels=read
        )
        patches = Patches(d_model, patch_len, patch_stride, padding, dropout, name="patches")
        tokens = _encode(patches(history), _blocks(options))  # [B, M, P, D]
        flat = ops.reshape(tokens, (-1, len(read), patches.count(task.lookback) * d_model))
        forecast = restore(_head(flat, task, channels))  # [B, T, H(, Q)]
        forecast = shift_by_categories(ops.swapaxes(forecast, 1, 2), past, task, embedding)
        if spike_head:
            forecast = with_spike_logits(forecast, _spike_logits(flat, task, channels))
        super().__init__(task=task, past=past, forecast=forecast, options=options)
        self._histories = (past, history)

    def pretext_model(self, share: float) -> keras.Model:
        """Return a model that fills in hidden patches with the same encoder, for self-supervised pre-training.

        Args:
            share: Share of the patches of each series to hide, in (0, 1).

        Returns:
            A model of ``[B, L, C]`` with three outputs: ``patches``, the patches of the normalized histories;
            ``filled``, a linear map of each token, both ``[B, M, P, patch_len]`` float32; and ``hidden``
            ``[B, M, P]``, 1 where a patch was hidden.

        Source: Nie et al. (2023), section 3.2.
        """
        past, history = self._histories
        patches: Any = self.get_layer("patches")
        blocks = [self.get_layer(f"block_{i + 1}") for i in range(self.options["layers"])]
        hidden = HiddenPatches(patches.count(self.task.lookback), share, name="hidden")(history)
        tokens = _encode(patches(history, hidden), blocks)
        filled = keras.layers.Dense(patches.patch_len, dtype="float32", name="fill_in")(tokens)
        return keras.Model(past, {"patches": patches.split(history), "filled": filled, "hidden": hidden})


def _blocks(options: dict[str, Any]) -> list[keras.layers.Layer]:
    names = ("dropout", "attention_dropout", "norm", "pre_norm")
    block = {name: options[name] for name in names}
    return [
        EncoderBlock(options["heads"], options["d_ff"], **block, name=f"block_{i + 1}")
        for i in range(options["layers"])
    ]


def _encode(tokens: Tensor, blocks: Sequence[keras.layers.Layer]) -> Tensor:
    for block in blocks:
        tokens = block(tokens)
    return tokens


def _head(encoded: Tensor, task: Task, channels: str, name: str = "head") -> Tensor:
    """Map ``[B, M, P * D]`` to ``[B, T, H(, Q)]``, with one head for all series or one that reads all of them."""
    if channels == "targets":
        one_target = {**task.head_arguments(), "targets": 1}
        head = ForecastHead(**one_target, kernel_initializer=fan_in_uniform(), name=name)
        return ops.squeeze(head(encoded), axis=3)
    flat = ops.reshape(encoded, (-1, encoded.shape[1] * encoded.shape[2]))
    head = ForecastHead(**task.head_arguments(), kernel_initializer=fan_in_uniform(), name=name)
    return ops.swapaxes(head(flat), 1, 2)


def _spike_logits(encoded: Tensor, task: Task, channels: str) -> Tensor:
    """Map ``[B, M, P * D]`` to logits ``[B, H, T]``."""
    plain = replace(task, quantile_levels=None, distribution=None)
    return ops.swapaxes(_head(encoded, plain, channels, "spike_head"), 1, 2)


def _check(options: dict[str, Any]) -> None:
    for name, choices in (("norm", NORMS), ("channels", CHANNELS)):
        if options[name] not in choices:
            raise ValueError(f"{name}={options[name]} is not one of {', '.join(choices)}.")
    if options["d_model"] % options["heads"]:
        raise ValueError(f"d_model={options['d_model']} must be a multiple of heads={options['heads']}.")
    if options["layers"] < 1:
        raise ValueError(f"layers={options['layers']} is out of range: it must be at least 1.")
