"""The members of an ensemble: trained in folders of their own, or taken from earlier runs."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tsforecast.data.identity import DataIdentity, compare_data
from tsforecast.errors import UserError
from tsforecast.tracking.run_folder import RunFolder

if TYPE_CHECKING:
    from tsforecast.data.dataset import ForecastDataset
    from tsforecast.data.scaling import Scaler
    from tsforecast.ensemble.scoring import EnsembleScores
    from tsforecast.models.forecaster import Forecaster


@dataclasses.dataclass(frozen=True)
class Member:
    """A trained member, or a reference that the ensemble is compared with.

    Args:
        name: Name in the ensemble.
        folder: Folder of its run.
        seconds: Duration of its training.
    """

    name: str
    folder: RunFolder
    seconds: float

    @classmethod
    def from_folder(cls, folder: RunFolder, name: str | None = None) -> "Member":
        """Return the member of a finished run, by default named like its folder."""
        from tsforecast.evaluation.result import RunResult

        return cls(name or folder.path.name, folder, RunResult.read(folder.result).seconds or 0.0)


def find_member(path: str, dataset: "ForecastDataset", *, same_split: Callable[[RunFolder], bool]) -> Member:
    """Return the member in the folder of a run.

    Args:
        path: Folder of the run.
        dataset: Data of the ensemble.
        same_split: Whether a run split its data like the ensemble.

    Raises:
        UserError: The run has other data, another split, window or scaling, or has not finished.
    """
    from tsforecast.data.scaling import Scaler
    from tsforecast.evaluation.result import RunResult
    from tsforecast.models.io import load_metadata, saved_path

    folder = RunFolder.existing(path)
    result = RunResult.read(folder.result)
    window = {key: dataset.window[key] for key in ("lookback", "lead", "horizon")}
    stored, now = result.data or {}, DataIdentity.from_series(dataset.series)
    before = DataIdentity(str(stored.get("name")), str(stored.get("hash")), int(stored.get("rows", 0)))
    change = compare_data(before, now)
    if change or result.window != window or not same_split(folder):
        details = f" ({change})" if change and stored.get("rows") else ""
        raise UserError(
            f"{path} was trained on other data, another split or another window{details}: train it as this ensemble"
            " is, or leave it out of ensemble.members."
        )
    if saved_path(folder.best).is_file():
        _check_scaling(path, dataset.scaler, Scaler.from_dict(load_metadata(folder.best)["scaler"]))
    return Member.from_folder(folder)


def _check_scaling(path: str, ours: "Scaler", scaler: "Scaler") -> None:
    """Refuse a member whose inputs are not among the ensemble's; it may lack the context."""
    if not ours.without_context().is_close(scaler.without_context()):
        raise UserError(
            f"{path} scales its data in another way than this ensemble, whose members share their inputs: give the"
            " ensemble the scaling= and data.mask= of that run, or leave it out of ensemble.members."
        )
    if scaler.context is not None and not ours.is_close(scaler):
        raise UserError(
            f"{path} has another context than this ensemble, whose members share their inputs: give the ensemble the"
            f" context={scaler.context.kind} of that run, or leave it out of ensemble.members."
        )


def is_run_folder(member: str) -> bool:
    """Return whether a member is given by the folder of its run rather than by the name of a model.

    Example:
        >>> is_run_folder("outputs/gru"), is_run_folder("gru")
        (True, False)
    """
    return "/" in member or Path(member).is_dir()


def load_networks(members: Sequence[Member]) -> "list[Forecaster]":
    """Load the best models of members as networks; see ``frozen.as_network``."""
    from tsforecast.ensemble.frozen import as_network
    from tsforecast.models.io import load_model

    return [as_network(load_model(member.folder.best)) for member in members]


def record_scores(members: Sequence[Member], scores: "EnsembleScores") -> None:
    """Add the test figures to the members' own results, so that they can be compared like other runs."""
    from tsforecast.evaluation.result import RunResult
    from tsforecast.evaluation.scores import TestScores

    baselines = {score.name: score.test for score in scores.select("baseline")}
    for member, score in zip(members, scores.select("member"), strict=True):
        result = RunResult.read(member.folder.result)
        validation = result.metrics or {}
        if "test/rmse" in validation:
            continue  # a finished run of its own
        fields = TestScores(score.test, baselines, score.spikes or {}).to_fields()
        fields["metrics"] = validation | fields["metrics"]
        score.errors.save(member.folder.path / "errors.npz")
        dataclasses.replace(result, **fields).write(member.folder.path)
