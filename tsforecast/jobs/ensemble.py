"""job=ensemble: members trained one after the other, weighted, fine-tuned together, scored beside each other."""

import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np

from tsforecast.config import Config, instantiate
from tsforecast.data.dataset import ForecastDataset
from tsforecast.errors import UserError
from tsforecast.jobs import build, ensemble_members, ensemble_report, ensemble_scores, results
from tsforecast.jobs.lifecycle import ensure_not_finished, open_run
from tsforecast.jobs.stored_data import build_training_data
from tsforecast.models.io import load_model, save_model
from tsforecast.tracking.null_tracker import NullTracker
from tsforecast.tracking.run_folder import RunFolder


def main(config: Config, path: Path) -> float:
    """Leaves one model that weights its members, with all their figures; returns its held-out validation loss.

    An interrupted run is gone on with when ``config.resume`` names its folder: members that are trained stay so.
    """
    clock = _Clock()
    ensure_not_finished(config, RunFolder(path))
    dataset = build_training_data(config, RunFolder(path))
    results.print_notes(dataset)
    borders = held_out(config, dataset)
    build.set_up_runtime(config)
    ensemble_members.refuse_early(config, dataset)
    with open_run(config, path, dataset) as (folder, tracked):
        place = Path(config.ensemble.store or folder.path / "members")
        names = [*config.ensemble.members, *config.ensemble.references]
        ready = [ensemble_members.ready(config, dataset, name, place) for name in names]
        clock.lap("members", sum(member.seconds for member in ready))
        facts = build.set_up_runtime(config)
        members = ready[: len(config.ensemble.members)]
        models = put_together(config, dataset, members)
        model = models[config.ensemble.weighting]
        stretches = weighted(config, dataset, borders, models, folder)
        clock.lap("weights")
        tuning, tuned = fine_tuned(config, borders, model, stretches, folder)
        clock.lap("fine-tuning")
        outcome = {"ended": "patience", "best_step": 0, "training_seconds": clock.total()}
        references = ready[len(members) :]
        scored = ensemble_scores.scored(config, dataset, models, members, references, stretches, tuned)
        clock.lap("scores")
        findings = ensemble_report.findings(
            config, dataset, scored, {"fine_tuning": tuning, "seconds": clock.laps}
        )
        ensemble_report.keep_members(members, scored)
        rows = findings.result["ensemble"]["board"]
        tracked.table("forecasters", list(rows[0]), [list(row.values()) for row in rows])
        results.write(
            config, dataset, folder, facts, outcome, tracked, clock.began, scored=scored, findings=findings
        )
    return tuning["after"] if tuning["kept"] else tuning["before"]


def held_out(config: Config, dataset: ForecastDataset) -> ForecastDataset:
    """The same rows with other borders: weights are fitted on the older validation rows and judged on the newest.

    Training windows of the result are the former, validation windows the latter; test rows stay.

    Raises:
        UserError: one of the two would have no window.
    """
    (_, (first, stop), test) = dataset.borders
    cut = stop - round((stop - first) * config.ensemble.holdout_share)
    changed = dataclasses.replace(dataset, borders=((first, cut), (cut, stop), test))
    if not len(changed.windows("train")) or not len(changed.windows("val")):
        raise UserError(
            f"The validation split is too short for ensemble.holdout_share={config.ensemble.holdout_share}: "
            "give more rows to data.split.val."
        )
    return changed


def put_together(
    config: Config, dataset: ForecastDataset, members: list[ensemble_members.Member]
) -> dict[str, Any]:
    """An untrained ensemble for each weighting, all of the same members."""
    from tsforecast.ensemble.weightings import order_weightings

    networks = ensemble_members.loaded(members)
    names = [member.name for member in members]
    return {
        weighting: build.ensemble(config, dataset, networks, names, weighting)
        for weighting in order_weightings()
    }


def weighted(
    config: Config,
    dataset: ForecastDataset,
    borders: ForecastDataset,
    models: dict[str, Any],
    folder: RunFolder,
) -> ensemble_scores.Stretches:
    """Fits the weights of every ensemble on the older validation rows, and saves the one that was asked for."""
    from tsforecast.ensemble.spike_head import fit_spike_head
    from tsforecast.inference.predict import forward

    model, loss = models[config.ensemble.weighting], instantiate(config.loss)
    windows = dataset.windows("val")
    print(f"\nforecasting {len(windows):,} validation windows with every member", flush=True)
    whole = model.window_outputs(windows, forward(model, windows))
    cut = int(np.searchsorted(windows.ends, borders.windows("val").ends[0]))
    fit, held = whole.slice(0, cut), whole.slice(cut)
    for one in models.values():
        one.weighting.fit(fit, held, loss=loss, seed=config.seed, log=print)
    if model.options["thresholds"] is not None:
        fit_spike_head(model, fit, held, seed=config.seed, log=print)
    save_model(model, folder.best)
    return ensemble_scores.Stretches(whole, cut, ensemble_scores.held_loss(model, loss, whole, cut))


def fine_tuned(
    config: Config,
    borders: ForecastDataset,
    model: Any,
    stretches: ensemble_scores.Stretches,
    folder: RunFolder,
) -> tuple[dict[str, Any], Any]:
    """Trains members and weights together at a low rate, and keeps the result only if held-out rows gain by it.

    Returns: ``kept`` and the held-out loss ``before`` and ``after``, for ``result.json``; and the fine-tuned ensemble
        where it is kept, else None. ``model`` is as it was.
    """
    from tsforecast.ensemble.model import WARM_UP
    from tsforecast.evaluation.evaluate import validation_figures
    from tsforecast.inference.predict import forward

    steps, before, loss = config.ensemble.fine_tune_steps, stretches.held_loss, instantiate(config.loss)
    none = {"kept": False, "before": before, "after": None}, None
    if not steps or not model.trainable_variables:
        return none
    print(f"\nfine-tuning all members together for up to {steps} steps", flush=True)
    own, frozen = RunFolder.create(folder.path / "fine_tuning"), model.get_weights()
    lone = validation_figures(model, borders, loss, config.training.validation_windows)["val/loss"]
    tuning = _tuning(config, resume=str(own.path) if own.last.is_file() else None)
    build.train(tuning, borders, model, loss, own, NullTracker(), best=lone)
    model.set_weights(frozen)
    if not own.best.is_file():
        return none
    tuned, first = load_model(own.best), max(stretches.cut - WARM_UP, 0)
    windows = stretches.whole.slice(first).windows
    later = model.window_outputs(windows, forward(tuned, windows))
    after = ensemble_scores.held_loss(tuned, loss, later, stretches.cut - first)
    if not after < before:
        return {"kept": False, "before": before, "after": after}, None
    save_model(tuned, folder.best)
    return {"kept": True, "before": before, "after": after}, tuned


def _tuning(config: Config, resume: str | None) -> Config:
    """The config of fine-tuning: a low rate, a few validations, stopped when they no longer gain."""
    steps = config.ensemble.fine_tune_steps
    training = dataclasses.replace(
        config.training,
        supervision="last",
        max_steps=steps,
        steps_per_epoch=max(steps // 6, 1),
        max_epochs=None,
        max_minutes=None,
        patience=2,
        batch_size=32 if config.training.batch_size == "auto" else config.training.batch_size,
    )
    optimizer = config.optimizer | {"learning_rate": config.ensemble.fine_tune_learning_rate}
    return dataclasses.replace(config, training=training, optimizer=optimizer, resume=resume)


class _Clock:
    """Seconds of each stage."""

    def __init__(self) -> None:
        self.began = self._last = time.monotonic()
        self.laps: dict[str, float] = {}

    def lap(self, name: str, seconds: float | None = None) -> None:
        """Notes a stage as ended; ``seconds`` where earlier sittings had a part in it."""
        now = time.monotonic()
        self.laps[name] = now - self._last if seconds is None else seconds
        self._last = now

    def total(self) -> float:
        """Of all stages."""
        return sum(self.laps.values())
