"""The result of a pre-training, and runs that start from the weights of another run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsforecast.config import Config, stem
from tsforecast.config.stored import load
from tsforecast.data.dataset import ForecastDataset
from tsforecast.errors import UserError
from tsforecast.evaluation.provenance import describe_provenance
from tsforecast.evaluation.result import RunResult, best_validation
from tsforecast.files import display_path
from tsforecast.installation import COMMAND
from tsforecast.models.io import load_model
from tsforecast.runtime import RuntimeInfo
from tsforecast.tracking.run_folder import RunFolder

if TYPE_CHECKING:
    from tsforecast.models.forecaster import Forecaster
    from tsforecast.models.protocol import Model
    from tsforecast.tracking.protocol import Tracker


def write(
    config: Config,
    dataset: ForecastDataset,
    folder: RunFolder,
    facts: RuntimeInfo,
    outcome: dict[str, Any],
    tracker: Tracker,
    began: float,
) -> None:
    """Write the ``result.json`` of a pre-training, which does not forecast yet, and print how to use the model."""
    model = load_model(folder.best)
    figures, seconds = best_validation(folder.read_metrics()), time.monotonic() - began
    result = RunResult(
        status="done",
        model=stem(config.model),
        params=model.count_params(),
        seconds=seconds,
        metrics=figures,
        **describe_provenance(dataset.series, dataset.borders, dataset.window, config.seed, facts),
        training=outcome,
    )
    result.write(folder.path)
    tracker.summary(result.summary())
    print(
        f"hidden patches: mean squared error {figures['val/loss']:.4f} of their normalized values, "
        f"{100 * figures['val/explained']:.1f} % explained, in {seconds:.0f} s"
    )
    print(f"Forecast with it: {COMMAND} model={stem(config.model)} init_from={folder.path}")
    print(display_path(folder.path), flush=True)


def start_from(config: Config, model: Model, folder: RunFolder) -> None:
    """Start a model from the weights of the run in ``config.init_from``, and freeze all but its head for a probe.

    The head is copied only from a run that trained it, and only if its shapes are the same. A run that is resumed from
    its own checkpoint needs no other weights.

    Raises:
        UserError: The model of the other run does not fit, or this model is not a network or has no head.
    """
    if config.init_from is None:
        return
    from tsforecast.models.forecaster import Forecaster
    from tsforecast.training.pretraining import freeze_all_but_head

    if not isinstance(model, Forecaster):
        raise UserError(
            f"init_from needs a network, and model={stem(config.model)} is not one: leave it out."
        )
    if not (config.resume is not None and folder.last.is_file()):
        _copy_weights(Path(str(config.init_from)), model)
    if config.training.probe:
        freeze_all_but_head(model, stem(config.model))


def _copy_weights(source: Path, model: Forecaster) -> None:
    from tsforecast.training.pretraining import transfer_weights

    pretrained = load(source / "config.yaml").training.objective == "masked_patches"
    other: Any = load_model(RunFolder(source).best)
    copied, new = transfer_weights(other, model, with_head=not pretrained, label=f"init_from={source}")
    rest = f"; initialized: {', '.join(new)}" if new else ""
    print(f"Started from {source}: {', '.join(copied)}{rest}.", flush=True)
