"""job=ensemble: train the members, weight them, fine-tune all together, and compare everything on the test split."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from tsforecast.config import Config, instantiate
from tsforecast.ensemble.members import record_scores
from tsforecast.ensemble.validation import split_validation
from tsforecast.jobs import build, ensemble_members, results
from tsforecast.jobs.lifecycle import ensure_not_finished, open_run
from tsforecast.jobs.stored_data import build_training_data
from tsforecast.models.io import save_model
from tsforecast.timing import StageTimer
from tsforecast.tracking.null_tracker import NullTracker
from tsforecast.tracking.run_folder import RunFolder

if TYPE_CHECKING:
    from tsforecast.data.dataset import ForecastDataset
    from tsforecast.ensemble.fine_tuning import FineTuning
    from tsforecast.ensemble.fitting import ValidationOutputs
    from tsforecast.ensemble.model import Ensemble
    from tsforecast.ensemble.scoring import EnsembleScores


def main(config: Config, path: Path) -> float:
    """Train an ensemble, leave it as one model with all its figures, and return its held-out validation loss.

    If ``config.resume`` names the folder of an interrupted run, that run is resumed; members that are trained stay.
    """
    timer, options = StageTimer(), config.ensemble
    ensure_not_finished(config, RunFolder(path))
    dataset = build_training_data(config, RunFolder(path))
    results.print_notes(dataset)
    parts = split_validation(dataset, options.holdout_share)
    build.set_up_runtime(config)
    ensemble_members.check_members(config, dataset)

    from tsforecast.ensemble.fitting import fit_ensembles
    from tsforecast.ensemble.scoring import score_ensemble

    with open_run(config, path, dataset) as (folder, tracker):
        members, references = ensemble_members.train_members(config, dataset, folder)
        timer.finish("members", sum(member.seconds for member in members + references))
        info, loss = build.set_up_runtime(config), instantiate(config.loss)
        ensembles = build.ensembles(config, dataset, members)
        model = ensembles[options.weighting]
        validation = fit_ensembles(ensembles, options.weighting, dataset, parts, loss, seed=config.seed)
        save_model(model, folder.best)
        timer.finish("weights")
        tuning = fine_tune(config, parts, model, validation, folder)
        timer.finish("fine-tuning")
        outcome = {"ended": "patience", "best_step": 0, "training_seconds": timer.total}
        scores = score_ensemble(
            dataset, ensembles, options.weighting, members, references, validation, tuning.model, config.spike
        )
        timer.finish("scores")
        record_scores(members, scores)
        findings = results.Findings({"ensemble": describe(config, dataset, scores, tuning, timer)})
        rows = findings.result["ensemble"]["board"]
        tracker.table("forecasters", list(rows[0]), [list(row.values()) for row in rows])
        results.write(
            config, dataset, folder, info, outcome, tracker, timer.start, scored=scores, findings=findings
        )
    return tuning.loss


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

    def train(own: RunFolder, best: float) -> None:
        resume = str(own.path) if own.last.is_file() else None
        tuning = dataclasses.replace(config, training=training, optimizer=optimizer, resume=resume)
        build.train(tuning, parts, model, loss, own, NullTracker(), best=best)

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


def describe(
    config: Config, dataset: ForecastDataset, scores: EnsembleScores, tuning: FineTuning, timer: StageTimer
) -> dict[str, object]:
    """Return the part of ``result.json`` that is about the ensemble."""
    from tsforecast.ensemble import comparison

    return {
        "weighting": config.ensemble.weighting,
        "board": comparison.compare_forecasters(scores),
        "mean_weights": comparison.average_weights(scores),
        "daily_weights": comparison.average_daily_weights(dataset, scores),
        "hindsight": comparison.evaluate_hindsight(dataset, scores),
        "parts": comparison.compare_parts(dataset, scores),
        "fine_tuning": tuning.to_dict(),
        "seconds": timer.stages,
    }
