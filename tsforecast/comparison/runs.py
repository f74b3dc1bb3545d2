"""Finds finished runs and what sets them apart."""

import dataclasses
import glob
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from tsforecast.comparison.names import built, written
from tsforecast.errors import UserError
from tsforecast.metrics.window_errors import WindowErrors
from tsforecast.sweeps.outcome import figures
from tsforecast.sweeps.study import config_hash, of_the_result, short_keys
from tsforecast.tracking.run_folder import RunFolder

DEEPEST = 3  # folders below the one given in which runs are looked for


@dataclasses.dataclass(frozen=True)
class Run:
    """A finished run.

    Args:
        folder: its own.
        config: as it was composed.
        result: its ``result.json``.
    """

    folder: Path
    config: Mapping[str, Any]
    result: Mapping[str, Any]

    @cached_property
    def figures(self) -> dict[str, float]:
        """Flat figures, with ``training_seconds`` among them where known."""
        spent = (self.result.get("training") or {}).get("training_seconds")
        return figures(dict(self.result)) | ({} if spent is None else {"training_seconds": float(spent)})

    @cached_property
    def history(self) -> list[dict[str, Any]]:
        """A row an epoch."""
        return RunFolder(self.folder).read_metrics()

    @cached_property
    def errors(self) -> WindowErrors | None:
        """The test errors by window; None where the run kept none."""
        file = self.folder / "errors.npz"
        return WindowErrors.load(file) if file.is_file() else None

    @property
    def task(self) -> tuple[Any, ...]:
        """What two runs must share for their windows to be comparable."""
        window, data = self.result.get("window") or {}, self.result.get("data") or {}
        return data.get("hash"), window.get("lead"), window.get("horizon"), self.result.get("unit")


def collect(over: str | Sequence[str]) -> tuple[list[Run], list[str]]:
    """Reads all finished runs in the folders given.

    Args:
        over: folders or glob patterns; the folder of a run, of a sweep, or of many.

    Returns:
        The runs, each once, and a line for each one that has not finished.

    Raises:
        UserError: a folder is not there, or none holds a finished run.
    """
    patterns = [over] if isinstance(over, str) else list(over)
    found, unfinished = {}, {}
    for pattern in patterns:
        paths = sorted(glob.glob(str(pattern)))
        if not paths:
            raise UserError(
                f"over={pattern} names nothing that is there: give folders of runs or of a sweep."
            )
        for result in (result for path in paths for result in _results(Path(path))):
            run = _read(result)
            if run is None:
                unfinished[result.parent.resolve()] = f"{result.parent} {_lack(result)} and is left out."
            else:
                found[result.parent.resolve()] = run
    if not found:
        raise UserError(
            f"over={', '.join(map(str, patterns))} holds no finished run: none has a result.json with status done."
        )
    return list(found.values()), list(unfinished.values())


def _results(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        return
    for depth in range(DEEPEST + 1):
        deeper = sorted(path.glob("*/" * depth + "result.json"))
        yield from deeper
        if deeper and depth == 0:  # a run's own folder
            return


def _lack(file: Path) -> str:
    """Why there is nothing to compare: not finished, or a pre-training."""
    try:
        done = json.loads(file.read_text(encoding="utf-8")).get("status") == "done"
    except (OSError, ValueError):
        done = False
    return "forecasts nothing" if done else "has not finished"


def _read(file: Path) -> Run | None:
    try:
        result = json.loads(file.read_text(encoding="utf-8"))
        config = yaml.safe_load((file.parent / "config.yaml").read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return None
    complete = result.get("status") == "done" and (result.get("metrics") or {}).get("test/rmse") is not None
    return Run(file.parent, config, result) if complete else None


def varied(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """For each run, the keys of its config that differ between runs, under short names.

    Where runs build different things from a node (an LSTM and a GRU), the node's short name stands for all its keys.
    """
    flat = [dict(_leaves(of_the_result(run.config))) for run in runs]
    keys = list(dict.fromkeys(key for one in flat for key in one))
    differing = [key for key in keys if len({json.dumps(one.get(key)) for one in flat}) > 1]
    nodes = [key.removesuffix("._target_") for key in differing if key.endswith("._target_")]
    kept = [
        key
        for key in differing
        if key.endswith("._target_") or not any(key.startswith(f"{node}.") for node in nodes)
    ]
    names = short_keys(dict.fromkeys((key.removesuffix("._target_") for key in kept), ""))
    return [{name: _value(one.get(key), key) for name, key in zip(names, kept, strict=True)} for one in flat]


def _value(value: Any, key: str) -> Any:
    if key.endswith("._target_") and isinstance(value, str):
        return built(value)
    return written(value) if isinstance(value, (list, dict)) else value


def _leaves(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(node, Mapping):
        yield prefix, node
        return
    for key, value in node.items():
        yield from _leaves(value, f"{prefix}.{key}" if prefix else str(key))


def by_seed(runs: Sequence[Run]) -> list[list[int]]:
    """Groups the runs, by their places, whose configs differ in the seed alone."""
    groups: dict[str, list[int]] = {}
    for place, run in enumerate(runs):
        groups.setdefault(config_hash(run.config, without=("seed",)), []).append(place)
    return list(groups.values())
