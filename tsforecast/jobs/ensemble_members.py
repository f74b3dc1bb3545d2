"""The members of an ensemble: checked, and trained in folders of their own unless they are trained already."""

from __future__ import annotations

from pathlib import Path

from tsforecast.config import Config, instantiate
from tsforecast.config.stored import as_dict, load
from tsforecast.data.dataset import ForecastDataset
from tsforecast.ensemble.members import Member, find_member, is_run_folder
from tsforecast.evaluation.result import is_finished
from tsforecast.jobs import build_model
from tsforecast.jobs.member_training import member_config, train_member
from tsforecast.sweeps.study import config_hash
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
        model = build_model.forecaster(member_config(config, name), dataset)
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


def _ensure_trained(config: Config, dataset: ForecastDataset, name: str, store: Path) -> Member:
    """Return a member; train it unless it is trained already, and resume a training that was interrupted."""
    if is_run_folder(name):
        return _find_run(config, dataset, name)
    member = member_config(config, name)
    folder = RunFolder(store / (name if config.ensemble.store is None else f"{name}_{_hash(member)}"))
    if not is_finished(folder.path):
        train_member(member, dataset, folder)
    return Member.from_folder(folder, name)


def _find_run(config: Config, dataset: ForecastDataset, name: str) -> Member:
    return find_member(
        name,
        dataset,
        same_split=lambda folder: load(folder.config, config).data["split"] == config.data["split"],
    )


def _hash(config: Config) -> str:
    return config_hash(as_dict(config), without=("ensemble", "spike", "plan", "backtest"))[:8]
