"""The members of an ensemble as training runs of their own: trained unless they are there, checked, and recorded."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

from tsforecast.config import Config, instantiate, stem
from tsforecast.config.ensemble_checks import member_options
from tsforecast.config.groups import choice
from tsforecast.config.schema import Job
from tsforecast.config.stored import as_dict, as_yaml, load
from tsforecast.data.dataset import ForecastDataset
from tsforecast.ensemble.members import Member, is_run_folder
from tsforecast.errors import UserError
from tsforecast.evaluation.result import RunResult, is_finished
from tsforecast.jobs import build, results
from tsforecast.sweeps.study import config_hash
from tsforecast.tracking.null_tracker import NullTracker
from tsforecast.tracking.run_folder import RunFolder


def check_members(config: Config, dataset: ForecastDataset) -> None:
    """Refuse members that cannot be trained or reused, before the first is trained.

    Raises:
        UserError: A member does not fit the window or the loss, its library is not installed, or it is the folder of a
            run with other data.
    """
    from tsforecast.models.estimator import Estimator

    for name in (*config.ensemble.members, *config.ensemble.references):
        if is_run_folder(name):
            _find_run(config, dataset, name)
            continue
        model = build.forecaster(member_config(config, name), dataset)
        if isinstance(model, Estimator):
            model.check(instantiate(config.loss))


def train_members(
    config: Config, dataset: ForecastDataset, folder: RunFolder
) -> tuple[list[Member], list[Member]]:
    """Return members and references; those that are not trained yet are trained, one after the other.

    Args:
        config: Config of the ensemble.
        dataset: Data of the ensemble.
        folder: Folder of the ensemble's run.

    Raises:
        UserError: A member is the folder of a run with other data or another window, or of an unfinished run.
    """
    options = config.ensemble
    store = Path(options.store or folder.path / "members")
    trained = [
        _ensure_trained(config, dataset, name, store) for name in (*options.members, *options.references)
    ]
    return trained[: len(options.members)], trained[len(options.members) :]


def member_config(config: Config, name: str) -> Config:
    """Return the config of a member's own training."""
    job = Job(name="train", _target_="tsforecast.jobs.train.main")
    model = choice("model", name) | member_options(config, name)
    return dataclasses.replace(config, job=job, model=model, resume=None)


def _ensure_trained(config: Config, dataset: ForecastDataset, name: str, store: Path) -> Member:
    """Return a member; train it unless it is trained already, and resume a training that was interrupted."""
    if is_run_folder(name):
        return _find_run(config, dataset, name)
    own = member_config(config, name)
    folder = RunFolder(store / (name if config.ensemble.store is None else f"{name}_{_hash(own)}"))
    if not is_finished(folder.path):
        _train(own, dataset, folder)
    return Member.from_folder(folder, name)


def _find_run(config: Config, dataset: ForecastDataset, name: str) -> Member:
    """Return the member in the folder of a run.

    Raises:
        UserError: The run has other data, another split or another window, or has not finished.
    """
    folder, window = RunFolder.existing(name), config.window
    result = RunResult.read(folder.result)
    shape = {"lookback": window.lookback, "lead": window.lead, "horizon": window.horizon}
    same = result.window == shape and (result.data or {}).get("hash") == dataset.series.data_hash()
    if not same or load(folder.config, config).data["split"] != config.data["split"]:
        raise UserError(
            f"{name} was trained on other data, another split or another window: train it as this ensemble is, or "
            "leave it out of ensemble.members."
        )
    return Member.from_folder(folder)


def _hash(config: Config) -> str:
    return config_hash(as_dict(config), without=("ensemble", "spike", "plan", "backtest"))[:8]


def _train(config: Config, dataset: ForecastDataset, folder: RunFolder) -> None:
    """Train one member, and leave its best model and validation figures in its folder."""
    start = time.monotonic()
    info = build.set_up_runtime(config)
    model = build.forecaster(config, dataset)
    config = build.fit_batch_size(config, dataset, model, info.device)
    RunFolder.create(folder.path)
    print(f"\nmember {stem(config.model)}: {folder.path}", flush=True)
    results.print_model(model, info)
    folder.write_text_atomic("config.yaml", as_yaml(config))
    if folder.last.is_file():
        config = dataclasses.replace(config, resume=str(folder.path))
    progress = build.train(config, dataset, model, instantiate(config.loss), folder, NullTracker())
    best = next((row for row in folder.read_metrics() if row["step"] == progress.best_step), {})
    RunResult(
        status="done",
        model=stem(config.model),
        params=model.count_params(),
        users_estimate=model.nominal_params,
        seconds=max(time.monotonic() - start, progress.elapsed()),
        metrics={key: value for key, value in best.items() if key.startswith("val/")},
        **results.provenance(config, dataset.series, info, dataset.borders),
        training=progress.outcome(),
    ).write(folder.path)
