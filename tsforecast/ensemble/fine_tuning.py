"""Fine-tuning of all members of an ensemble together with their weights."""

import dataclasses
from collections.abc import Callable
from typing import Any, cast

from tsforecast.data.dataset import ForecastDataset
from tsforecast.ensemble.fitting import ValidationOutputs, holdout_loss
from tsforecast.ensemble.model import WARM_UP, Ensemble
from tsforecast.evaluation.evaluate import validation_figures
from tsforecast.inference.predict import forward
from tsforecast.losses import Loss
from tsforecast.models.io import load_model
from tsforecast.tracking.run_folder import RunFolder
from tsforecast.training.options import TrainingOptions

VALIDATIONS, PATIENCE, BATCH_SIZE = 6, 2, 32


@dataclasses.dataclass(frozen=True)
class FineTuning:
    """The outcome of fine-tuning.

    Args:
        before: Loss on the held-out validation windows before it.
        after: Loss after it; None if nothing was trained.
        model: The fine-tuned ensemble if its loss is lower, else None.
    """

    before: float
    after: float | None = None
    model: Ensemble | None = None

    @property
    def loss(self) -> float:
        """Loss of the ensemble that the run ends with."""
        return self.before if self.model is None or self.after is None else self.after

    def to_dict(self) -> dict[str, Any]:
        """Return ``kept``, ``before`` and ``after``, for ``result.json``."""
        return {"kept": self.model is not None, "before": self.before, "after": self.after}


def fine_tuning_options(training: TrainingOptions, steps: int) -> TrainingOptions:
    """Return the options of fine-tuning: a few validations, and an early end when they stop improving.

    Args:
        training: Options of the run.
        steps: Number of updates.
    """
    return dataclasses.replace(
        training,
        supervision="last",
        max_steps=steps,
        steps_per_epoch=max(steps // VALIDATIONS, 1),
        max_epochs=None,
        max_minutes=None,
        patience=PATIENCE,
        batch_size=BATCH_SIZE if training.batch_size == "auto" else training.batch_size,
    )


def fine_tune(
    model: Ensemble,
    parts: ForecastDataset,
    validation: ValidationOutputs,
    loss: Loss,
    folder: RunFolder,
    train: Callable[[RunFolder, float], object],
    *,
    validation_windows: int | None,
) -> FineTuning:
    """Train members and weights together, and keep the result only if the loss on held-out rows falls.

    Args:
        model: Ensemble with fitted weights; its variables are the same afterwards.
        parts: Data of ``split_validation``.
        validation: The ensemble's outputs on the validation windows.
        loss: Loss of the combined forecast.
        folder: Folder of the fine-tuning, with checkpoints of an interrupted one if any.
        train: Trains the model in that folder, given the loss to beat.
        validation_windows: Number of windows of that loss; None: all.
    """
    start = model.get_weights()
    train(folder, validation_figures(model, parts, loss, validation_windows)["val/loss"])
    model.set_weights(start)
    if not folder.best.is_file():
        return FineTuning(validation.loss)
    tuned = cast(Ensemble, load_model(folder.best))
    first = max(validation.holdout_start - WARM_UP, 0)
    windows = validation.outputs.slice(first).windows
    outputs = tuned.window_outputs(windows, forward(tuned, windows))
    after = holdout_loss(tuned, loss, outputs, validation.holdout_start - first)
    return FineTuning(validation.loss, after, tuned if after < validation.loss else None)
