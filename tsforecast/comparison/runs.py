"""Find finished runs, and the settings in which they differ."""

import dataclasses
import glob
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from tsforecast.comparison.names import format_setting, target_name
from tsforecast.errors import UserError
from tsforecast.files import flatten
from tsforecast.metrics.window_errors import WindowErrors
from tsforecast.sweeps.outcome import figures
from tsforecast.sweeps.study import config_hash, select_result_options, short_keys
from tsforecast.tracking.run_folder import RunFolder

MAX_DEPTH = 3  # levels of folders in which runs are searched


@dataclasses.dataclass(frozen=True)
class Run:
    """A finished run.

    Args:
        folder: Folder of the run.
        config: Its composed config.
        result: Content of its ``result.json``.

    Example:
        >>> Run(Path("run"), {}, {"metrics": {"test/rmse": 0.5}}).figures
        {'test/rmse': 0.5}
    """

    folder: Path
    config: Mapping[str, Any]
    result: Mapping[str, Any]

    @cached_property
    def figures(self) -> dict[str, float]:
        """Figures by key, including ``training_seconds`` if known."""
        spent = (self.result.get("training") or {}).get("training_seconds")
        return figures(dict(self.result)) | ({} if spent is None else {"training_seconds": float(spent)})

    @cached_property
    def history(self) -> list[dict[str, Any]]:
        """One row per epoch."""
        return RunFolder(self.folder).read_metrics()

    @cached_property
    def errors(self) -> WindowErrors | None:
        """Test errors by window; None if the run has no ``errors.npz``."""
        file = self.folder / "errors.npz"
        return WindowErrors.load(file) if file.is_file() else None

    @property
    def task(self) -> tuple[Any, ...]:
        """What must be equal in two runs for their windows to be comparable."""
        window, data = self.result.get("window") or {}, self.result.get("data") or {}
        return data.get("hash"), window.get("lead"), window.get("horizon"), self.result.get("unit")

    @property
    def question(self) -> str:
        """The task in words, such as ``household_power, lead 10, horizon 1, kW``."""
        window, data = self.result.get("window") or {}, self.result.get("data") or {}
        words = [data.get("name") or "data", self.result.get("unit")]
        words[1:1] = [f"{name} {window[name]}" for name in ("lead", "horizon") if name in window]
        return ", ".join(str(word) for word in words if word)


def collect_runs(over: str | Sequence[str]) -> tuple[list[Run], list[str]]:
    """Read all finished runs in some folders.

    Args:
        over: Folders or glob patterns; the folder of a run, of a sweep, or of many.

    Returns:
        The runs, each once, and a sentence for each one that is left out.

    Raises:
        UserError: A folder does not exist, or none contains a finished run.
    """
    runs, skipped = {}, {}
    for file in (file for folder in find_folders(over) for file in _find_results(folder)):
        run = _read_run(file)
        if run is None:
            skipped[file.parent.resolve()] = f"{file.parent} {_reason(file)} and is left out."
        else:
            runs[file.parent.resolve()] = run
    if not runs:
        patterns = over if isinstance(over, str) else ", ".join(map(str, over))
        raise UserError(f"over={patterns} contains no finished run: none has a result.json with status done.")
    return list(runs.values()), list(skipped.values())


def find_folders(over: str | Sequence[str]) -> list[Path]:
    """Return the folders that match.

    Raises:
        UserError: A pattern matches nothing.
    """
    folders = []
    for pattern in [over] if isinstance(over, str) else over:
        matches = [Path(path) for path in sorted(glob.glob(str(pattern)))]
        if not matches:
            raise UserError(f"over={pattern} matches nothing: give folders of runs or of a sweep.")
        folders += matches
    return folders


def _find_results(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        return
    for depth in range(MAX_DEPTH + 1):
        deeper = sorted(path.glob("*/" * depth + "result.json"))
        yield from deeper
        if deeper and depth == 0:  # a run's own folder
            return


def _reason(file: Path) -> str:
    """Return why a run cannot be compared: it has not finished, or it is a pre-training."""
    try:
        done = json.loads(file.read_text(encoding="utf-8")).get("status") == "done"
    except (OSError, ValueError, RecursionError):
        done = False
    return "forecasts nothing" if done else "has not finished"


def _read_run(file: Path) -> Run | None:
    try:
        result = json.loads(file.read_text(encoding="utf-8"))
        config = yaml.safe_load((file.parent / "config.yaml").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return None
    complete = result.get("status") == "done" and (result.get("metrics") or {}).get("test/rmse") is not None
    return Run(file.parent, config, result) if complete else None


def find_differences(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return for each run the keys of its config in which runs differ, under short names.

    Where runs use different classes in a node (an LSTM and a GRU), the name of the class stands for all its keys.
    """
    flat = [dict(flatten(select_result_options(run.config))) for run in runs]
    keys = list(dict.fromkeys(key for config in flat for key in config))
    differing = [key for key in keys if len({json.dumps(config.get(key)) for config in flat}) > 1]
    nodes = [key.removesuffix("._target_") for key in differing if key.endswith("._target_")]
    chosen = [
        key
        for key in differing
        if key.endswith("._target_") or not any(key.startswith(f"{node}.") for node in nodes)
    ]
    names = short_keys(dict.fromkeys((key.removesuffix("._target_") for key in chosen), ""))
    return [
        {name: _simplify(config.get(key), key) for name, key in zip(names, chosen, strict=True)}
        for config in flat
    ]


def _simplify(value: Any, key: str) -> Any:
    if key.endswith("._target_") and isinstance(value, str):
        return target_name(value)
    return format_setting(value) if isinstance(value, (list, dict)) else value


def group_by_task(runs: Sequence[Run]) -> list[list[Run]]:
    """Return groups of runs that answer the same question, the largest group first."""
    groups: dict[tuple[Any, ...], list[Run]] = {}
    for run in runs:
        groups.setdefault(run.task, []).append(run)
    return sorted(groups.values(), key=len, reverse=True)


def name_questions(groups: Sequence[Sequence[Run]]) -> list[str]:
    """Return what each group was asked; where that would be equal in words, with the hash of its data."""
    names = [group[0].question for group in groups]
    return [
        name if names.count(name) == 1 else f"{name} (data {group[0].task[0]})"
        for name, group in zip(names, groups, strict=True)
    ]


def group_by_seed(runs: Sequence[Run]) -> list[list[int]]:
    """Return groups of indices of runs whose configs differ only in the seed."""
    groups: dict[str, list[int]] = {}
    for index, run in enumerate(runs):
        groups.setdefault(config_hash(run.config, without=("seed",)), []).append(index)
    return list(groups.values())
