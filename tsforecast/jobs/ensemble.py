"""job=ensemble: train the members, weight them, fine-tune all together, and compare everything on the test split."""

from __future__ import annotations

from pathlib import Path

from tsforecast.config import Config, instantiate
from tsforecast.ensemble.members import record_scores
from tsforecast.ensemble.validation import split_validation
from tsforecast.evaluation.summary import print_data
from tsforecast.jobs import build, build_model, ensemble_members
from tsforecast.jobs.ensemble_fine_tuning import fine_tune
from tsforecast.jobs.finish import finish_run
from tsforecast.jobs.lifecycle import ensure_not_finished, open_run
from tsforecast.jobs.stored_data import build_training_data
from tsforecast.models.io import save_model
from tsforecast.reporting.run_report import RunAdditions
from tsforecast.timing import StageTimer
from tsforecast.tracking.run_folder import RunFolder


def main(config: Config, path: Path) -> float:
    """Train an ensemble, leave it as one model with all its figures, and return its held-out validation loss.

    If ``config.resume`` names the folder of an interrupted run, that run is resumed; members that are trained stay.
    """
    timer, options = StageTimer(), config.ensemble
    ensure_not_finished(config, RunFolder(path))
    dataset = build_training_data(config, RunFolder(path))
    print_data(dataset)
    parts = split_validation(dataset, options.holdout_share)
    build.set_up_runtime(config)
    ensemble_members.check_members(config, dataset)

    from tsforecast.ensemble.comparison import describe_ensemble
    from tsforecast.ensemble.fitting import fit_ensembles
    from tsforecast.ensemble.scoring import score_ensemble

    with open_run(config, path, dataset) as (folder, tracker):
        members, references = ensemble_members.train_members(config, dataset, folder)
        timer.finish("members", sum(member.seconds for member in members + references))
        info, loss = build.set_up_runtime(config), instantiate(config.loss)
        ensembles = build_model.ensembles(config, dataset, members)
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
        entry = describe_ensemble(dataset, scores, tuning, weighting=options.weighting, seconds=timer.stages)
        rows, findings = entry["board"], RunAdditions({"ensemble": entry})
        tracker.table("forecasters", list(rows[0]), [list(row.values()) for row in rows])
        finish_run(
            config, dataset, folder, info, outcome, tracker, timer.start, scored=scores, findings=findings
        )
    return tuning.loss
