"""The members of an ensemble: trained one after the other where they are not there yet, and loaded."""

import dataclasses
import time
from pathlib import Path
from typing import Any

from tsforecast.config import Config, instantiate, stem
from tsforecast.config.ensemble_checks import is_folder, member_options
from tsforecast.config.groups import choice
from tsforecast.config.schema import Job
from tsforecast.config.stored import as_dict, as_yaml, load
from tsforecast.data.dataset import ForecastDataset
from tsforecast.errors import UserError
from tsforecast.jobs import build, results
from tsforecast.models.io import load_model
from tsforecast.sweeps.study import config_hash
from tsforecast.tracking.null_tracker import NullTracker
from tsforecast.tracking.run_folder import RunFolder

# What a member's own run must share with the ensemble, as result.json names it.
SHARED = ("window", "data")


@dataclasses.dataclass(frozen=True)
class Member:
    """A trained member.

    Args:
        name: as the ensemble calls it.
        folder: of its run.
        seconds: that its training took.
    """

    name: str
    folder: RunFolder
    seconds: float


def ready(config: Config, dataset: ForecastDataset, name: str, place: Path) -> Member:
    """A member, trained now unless it is there already; training goes on where it was interrupted.

    Args:
        config: of the ensemble.
        dataset: the data.
        name: a model, or the folder of a finished run.
        place: folder for the runs of members.

    Raises:
        UserError: a run that is named forecasts other data or another window, or has not finished.
    """
    if is_folder(name):
        return _earlier(config, dataset, name)
    own = member_config(config, name)
    folder = RunFolder(place / (name if config.ensemble.store is None else f"{name}_{_hash(own)}"))
    if not _is_done(folder):
        _train(own, dataset, folder)
    return Member(name, folder, results.read(folder)["seconds"])


def refuse_early(config: Config, dataset: ForecastDataset) -> None:
    """Builds every member that is to be trained, so that one that cannot be is refused before the first is trained.

    Raises:
        UserError: a member does not fit the window or the loss, or its library is not there.
    """
    from tsforecast.models.estimator import Estimator

    for name in (*config.ensemble.members, *config.ensemble.references):
        if is_folder(name):
            _earlier(config, dataset, name)
            continue
        model = build.forecaster(member_config(config, name), dataset)
        if isinstance(model, Estimator):
            model.check(instantiate(config.loss))


def member_config(config: Config, name: str) -> Config:
    """The config of one member's training."""
    node = choice("model", name) | member_options(config, name)
    job = Job(name="train", _target_="tsforecast.jobs.train.main")
    return dataclasses.replace(config, job=job, model=node, resume=None)


def loaded(members: list[Member]) -> list[Any]:
    """The members' best models as networks."""
    from tsforecast.ensemble.trees import as_network
    from tsforecast.models.lightgbm import LightGBM

    models = [load_model(member.folder.best) for member in members]
    return [as_network(model) if isinstance(model, LightGBM) else model for model in models]


def _earlier(config: Config, dataset: ForecastDataset, name: str) -> Member:
    folder = RunFolder.existing(name)
    result = results.read(folder)
    facts = {"lookback": config.window.lookback, "lead": config.window.lead, "horizon": config.window.horizon}
    same = result.get("window") == facts and result["data"]["hash"] == dataset.series.data_hash()
    if not same or load(folder.config, config).data["split"] != config.data["split"]:
        raise UserError(
            f"{name} was trained on other data, another split or another window: train it as this ensemble is, or "
            "leave it out of ensemble.members."
        )
    return Member(folder.path.name, folder, result["seconds"])


def _hash(config: Config) -> str:
    return config_hash(as_dict(config), without=("ensemble", "spike", "plan", "backtest"))[:8]


def _is_done(folder: RunFolder) -> bool:
    return folder.result.is_file() and results.read(folder).get("status") == "done"


def _train(config: Config, dataset: ForecastDataset, folder: RunFolder) -> None:
    """Trains one member and leaves its best model and figures in its folder, as a run of its own would."""
    began = time.monotonic()
    facts = build.set_up_runtime(config)
    model = build.forecaster(config, dataset)
    config = build.fit_batch_size(config, dataset, model, facts.device)
    RunFolder.create(folder.path)
    print(f"\nmember {stem(config.model)}: {folder.path}", flush=True)
    results.print_model(model, facts)
    folder.write_text_atomic("config.yaml", as_yaml(config))
    if folder.last.is_file():
        config = dataclasses.replace(config, resume=str(folder.path))
    progress = build.train(config, dataset, model, instantiate(config.loss), folder, NullTracker())
    history = folder.read_metrics()
    best = next((row for row in history if row["step"] == progress.best_step), {})
    result = {
        "status": "done",
        "model": stem(config.model),
        "params": model.count_params(),
        "users_estimate": model.nominal_params,
        "seconds": max(time.monotonic() - began, progress.elapsed()),
        "metrics": {key: value for key, value in best.items() if key.startswith("val/")},
        **results.provenance(config, dataset.series, facts, dataset.borders),
        "training": {
            "ended": progress.ended,
            "best_step": progress.best_step,
            "training_seconds": progress.elapsed(),
        },
    }
    folder.write_json("result.json", result)
