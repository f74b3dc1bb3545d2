"""The budget of a retraining run."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tsforecast.registry.options import RetrainingOptions
    from tsforecast.training.options import TrainingOptions

MAX_BATCH = 32  # if the champion's batch size is auto
VALIDATIONS = 8  # in a retraining run that uses all its steps
PATIENCE = 3


def limit_training(training: TrainingOptions, options: RetrainingOptions) -> TrainingOptions:
    """Return the training options of a champion, limited to the steps and hours of a retraining run.

    Args:
        training: Options of the champion's own training.
        options: Limits of the retraining run.
    """
    return dataclasses.replace(
        training,
        max_steps=options.max_steps,
        max_minutes=60 * options.max_hours,
        max_epochs=None,
        steps_per_epoch=max(options.max_steps // VALIDATIONS, 1),
        patience=PATIENCE,
        batch_size=MAX_BATCH if training.batch_size == "auto" else training.batch_size,
    )
