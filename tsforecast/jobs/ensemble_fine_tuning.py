"""From an ensemble's config to the fine-tuning of its members and weights together."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from tsforecast.config import Config, instantiate
from tsforecast.jobs import build_training
from tsforecast.models.io import save_model
from tsforecast.tracking.null_tracker import NullTracker
from tsforecast.tracking.run_folder import RunFolder

if TYPE_CHECKING:
    from tsforecast.data.dataset import ForecastDataset
    from tsforecast.ensemble.fine_tuning import FineTuning
    from tsforecast.ensemble.fitting import ValidationOutputs
    from tsforecast.ensemble.model import Ensemble


def fine_tune(
    config: Config, parts: ForecastDataset, model: Ensemble, validation: ValidationOutputs, folder: RunFolder
) -> FineTuning:
    """Fine-tune members and weights together, and save the result if it is better."""
    from tsforecast.ensemble import fine_tuning

    options, loss = config.ensemble, instantiate(config.loss)
    if not options.fine_tune_steps or not model.trainable_variables:
        return fine_tuning.FineTuning(validation.loss)
    print(f"\nfine-tuning all members together for up to {options.fine_tune_steps} steps", flush=True)
    training = fine_tuning.fine_tuning_options(config.training, options.fine_tune_steps)
    optimizer = config.optimizer | {"learning_rate": options.fine_tune_learning_rate}

    def train(subfolder: RunFolder, best: float) -> None:
        resume = str(subfolder.path) if subfolder.last.is_file() else None
        tuning = dataclasses.replace(config, training=training, optimizer=optimizer, resume=resume)
        build_training.train(tuning, parts, model, loss, subfolder, NullTracker(), best=best)

    result = fine_tuning.fine_tune(
        model,
        parts,
        validation,
        loss,
        RunFolder.create(folder.path / "fine_tuning"),
        train,
        validation_windows=config.training.validation_windows,
    )
    if result.model is not None:
        save_model(result.model, folder.best)
    return result
