"""Self-supervised training: the encoder learns to fill in hidden patches. Runs that start from its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from keras import ops

from tsforecast.distribution import is_distributed, replica_count
from tsforecast.errors import UserError
from tsforecast.inference.predict import BATCH, forward_batch
from tsforecast.losses import SquaredError
from tsforecast.training.trainer import Trainer
from tsforecast.typing import Tensor

if TYPE_CHECKING:
    import keras

    from tsforecast.data.windows import Windows
    from tsforecast.models.patchtst import PatchTST

HEAD = "head"
CATEGORIES = ("categories", "category_level")  # layers that are added to the forecast, after the head


class MaskedTrainer(Trainer):
    """Trains the encoder of a forecaster to fill in hidden patches; its head stays unchanged.

    The loss is the mean squared error over the hidden patches of the normalized histories. Each series hides the same
    number of patches, so the loss of a batch is the mean over its parts.

    Args:
        forecaster: Model with a ``pretext_model``.
        share: Share of the patches to hide, in (0, 1).
        shards: Parts of a batch, as for ``Trainer``.
    """

    def __init__(self, forecaster: PatchTST, share: float, *, shards: int = 1):
        super().__init__(forecaster, SquaredError(), shards=shards)
        for layer in forecaster.layers:
            if layer.name in (HEAD, *CATEGORIES):
                layer.trainable = False
        self.pretext = forecaster.pretext_model(share)

    def call(self, past: Tensor, training: bool | None = None) -> dict[str, Tensor]:
        """Return the outputs of ``PatchTST.pretext_model``."""
        return self.pretext(past, training=training)

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Tensor = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        """Return the mean loss of a batch; the truth of the forecast is not used."""
        errors = ops.mean(ops.square(y_pred["filled"] - y_pred["patches"]), axis=-1)
        mean = ops.sum(errors * y_pred["hidden"]) / ops.sum(y_pred["hidden"])
        return mean / replica_count() if is_distributed() else mean

    def observed_share(self, y: Tensor) -> Tensor:
        """Return 1: the loss has no truths, and each window hides the same number of patches."""
        return 1.0


def reconstruction_figures(trainer: MaskedTrainer, windows: Windows) -> dict[str, float]:
    """Score the hidden patches of windows.

    Returns: ``val/loss``, their mean squared error, and ``val/explained``, 1 minus its ratio to the error of zeros.
    """
    squared = reference = hidden = 0.0
    size = min(BATCH, len(windows))
    for first in range(0, len(windows), size):
        ends = windows.ends[first : first + size]
        padded = np.concatenate([ends, np.repeat(ends[-1:], size - len(ends))])
        outputs = {
            name: values[: len(ends)]
            for name, values in forward_batch(trainer.pretext, windows.inputs(padded)).items()
        }
        mask = outputs["hidden"][..., None].astype(np.float64)
        squared += float(np.sum(mask * (outputs["filled"] - outputs["patches"]) ** 2))
        reference += float(np.sum(mask * outputs["patches"].astype(np.float64) ** 2))
        hidden += float(np.sum(mask)) * outputs["patches"].shape[-1]
    return {"val/loss": squared / hidden, "val/explained": 1 - squared / reference if reference else 0.0}


class TransferredLayers(NamedTuple):
    """Names of the layers whose weights were copied, and of those that keep their initial weights."""

    copied: list[str]
    new: list[str]


def transfer_weights(
    source: keras.Model, model: keras.Model, *, with_head: bool, label: str
) -> TransferredLayers:
    """Copy the weights of one model into another, layer by layer.

    A head that is not copied, or that has other shapes, keeps its initial weights.

    Args:
        source: Trained model.
        model: Model to start from its weights.
        with_head: Whether the head of ``source`` was trained.
        label: Where ``source`` comes from, for the error message.

    Raises:
        UserError: A layer other than the head is missing in ``source`` or has other shapes there.
    """
    sources = {layer.name: layer for layer in source.layers}
    result = TransferredLayers([], [])
    for layer in model.layers:
        if not layer.weights:
            continue
        shapes, source_shapes = _shapes(layer), _shapes(sources.get(layer.name))
        if layer.name == HEAD and (not with_head or shapes != source_shapes):
            result.new.append(layer.name)
        elif shapes != source_shapes:
            raise UserError(
                f"{label}: its part '{layer.name}' does not fit this model ({source_shapes} there, {shapes} here): "
                "give this run the model, window and data of that one."
            )
        else:
            layer.set_weights(sources[layer.name].get_weights())
            result.copied.append(layer.name)
    return result


def freeze_all_but_head(model: keras.Model, label: str) -> None:
    """Make the head the only trainable layer of a model (linear probing).

    Args:
        model: Network with a layer named ``head``.
        label: Name of the model, for the error message.

    Raises:
        UserError: The model has no head.
    """
    if HEAD not in {layer.name for layer in model.layers}:
        raise UserError(f"training.probe trains a head alone, and {label} has none: leave it out.")
    for layer in model.layers:
        layer.trainable = layer.name == HEAD


def _shapes(layer: keras.layers.Layer | None) -> list[tuple[int, ...]]:
    return [] if layer is None else [tuple(variable.shape) for variable in layer.weights]
