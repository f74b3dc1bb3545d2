"""Self-supervised training: the encoder learns to fill in patches that were hidden from it."""

from typing import Any

import numpy as np
from keras import ops

from tsforecast.distribution import is_distributed, replica_count
from tsforecast.inference.predict import BATCH, forward_batch
from tsforecast.losses import SquaredError
from tsforecast.training.trainer import Trainer


class MaskedTrainer(Trainer):
    """Trains a forecaster's encoder to fill in hidden patches; its head is left alone.

    The loss is the mean squared error over the hidden patches, on the normalised histories. As each series hides the
    same number of them, a batch's loss is the mean over its parts.

    Args:
        forecaster: a ``PatchTST``.
        share: of the patches to hide, in (0, 1).
        shards: as for ``Trainer``.
    """

    def __init__(self, forecaster: Any, share: float, *, shards: int = 1):
        super().__init__(forecaster, SquaredError(), shards=shards)
        forecaster.get_layer("head").trainable = False
        self.pretext = forecaster.pretext_model(share)

    def call(self, past: Any, training: bool | None = None) -> Any:
        """The outputs of ``PatchTST.pretext_model``."""
        return self.pretext(past, training=training)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The mean loss, see the class; the truth of a forecast has no part in it."""
        errors = ops.mean(ops.square(y_pred["filled"] - y_pred["patches"]), axis=-1)
        mean = ops.sum(errors * y_pred["hidden"]) / ops.sum(y_pred["hidden"])
        return mean / replica_count() if is_distributed() else mean


def fill_in_figures(trainer: MaskedTrainer, windows: Any) -> dict[str, float]:
    """``val/loss`` over the hidden patches of these windows, and ``val/explained``: 1 less its ratio to zeros'."""
    squared = reference = hidden = 0.0
    size = min(BATCH, len(windows))
    for first in range(0, len(windows), size):
        ends = windows.ends[first : first + size]
        padded = np.concatenate([ends, np.repeat(ends[-1:], size - len(ends))])
        found = {
            name: values[: len(ends)]
            for name, values in forward_batch(trainer.pretext, windows.inputs(padded)).items()
        }
        mask = found["hidden"][..., None].astype(np.float64)
        squared += float(np.sum(mask * (found["filled"] - found["patches"]) ** 2))
        reference += float(np.sum(mask * found["patches"].astype(np.float64) ** 2))
        hidden += float(np.sum(mask)) * found["patches"].shape[-1]
    return {"val/loss": squared / hidden, "val/explained": 1 - squared / reference if reference else 0.0}
