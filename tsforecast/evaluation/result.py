"""The result of a run, as ``result.json`` stores it: the only code that writes or reads that file's structure.

Example:
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> RunResult(status="done", model="gru", metrics={"test/rmse": 0.5}).write(folder)
    >>> RunResult.read(folder / "result.json").metrics
    {'test/rmse': 0.5}
"""

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tsforecast import files
from tsforecast.errors import UserError
from tsforecast.installation import COMMAND
from tsforecast.stages import StageTimes, seconds_by_stage

Figures = dict[str, float]
NULLABLE = (
    "users_estimate",
    "explanation",
    "latency_ms",
)  # written as null by runs that were scored without them


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunResult:
    """The result of a run; None is what a run of its kind does not have.

    Args:
        status: ``done``, ``failed``, ``interrupted`` or ``pruned``.
        error: Why the run failed, in one sentence.
        killed: Whether a signal ended the run.
        resume: Command that resumes the run.
        model: Name of the model.
        params: Number of parameters.
        users_estimate: Nominal number of parameters, next to the real one.
        seconds: Duration of the run.
        metrics: Key such as ``test/rmse`` to its value, over all targets.
        targets: Target to its ``metrics``, ``baselines`` and ``skill``, for a run with several targets.
        baselines: Naive baseline to its metrics.
        skill: Naive baseline to the share of its RMSE that the model saves.
        spikes: Target to its spike scorecard.
        pit: ``levels`` and ``shares`` of the test truths between the quantiles at them, from probabilistic models.
        series: Series of a panel to its figures on the test split.
        rules: One row per rule of a rule-based model.
        explanation: Permutation importances.
        latency_ms: Milliseconds of a warm forecast of one window.
        unit: Unit of the targets, empty if unknown or mixed.
        window: ``lookback``, ``lead`` and ``horizon``.
        data: Identity of the data, see `tsforecast.data.identity`.
        seed: Random seed.
        device: Name of the processor or of the GPU.
        policy: Dtype policy.
        versions: Package to version, tsforecast's own included.
        commit: Commit of the code, None outside a repository.
        peak_memory_mb: Largest resident memory of the process.
        stages: Stage of the run to its ``seconds`` and ``cpu_seconds`` (of all cores), see `tsforecast.stages`.
        training: ``ended``, ``best_step`` and ``training_seconds``.
        more: What only some jobs add, under keys of their own, for example ``ensemble``.

    Example:
        >>> result = RunResult(status="failed", error="The disk is full.")
        >>> result.to_json()
        {'status': 'failed', 'error': 'The disk is full.'}
    """

    status: str
    error: str | None = None
    killed: bool | None = None
    resume: str | None = None
    model: str | None = None
    params: int | None = None
    users_estimate: int | None = None
    seconds: float | None = None
    metrics: Figures | None = None
    baselines: dict[str, Figures] | None = None
    skill: Figures | None = None
    targets: dict[str, dict[str, Any]] | None = None
    spikes: dict[str, Any] | None = None
    pit: dict[str, list[float]] | None = None
    series: dict[str, dict[str, float]] | None = None
    rules: list[dict[str, Any]] | None = None
    explanation: dict[str, Any] | None = None
    latency_ms: Figures | None = None
    unit: str | None = None
    window: dict[str, int] | None = None
    data: dict[str, Any] | None = None
    seed: int | None = None
    device: str | None = None
    policy: str | None = None
    versions: dict[str, str] | None = None
    commit: str | None = None
    peak_memory_mb: float | None = None
    stages: StageTimes | None = None
    training: dict[str, Any] | None = None
    more: dict[str, Any] = dataclasses.field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the keys and values of ``result.json``."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        more = values.pop("more")
        always = NULLABLE if self.skill is not None else ()
        fields = {name: value for name, value in values.items() if value is not None or name in always}
        return {**fields, **more}

    def write(self, folder: Path, name: str = "result.json") -> None:
        """Write the result into a run's folder, whole or not at all."""
        files.write_json(folder / name, self.to_json())

    def write_with_stages(self, folder: Path) -> None:
        """Write the result with the times of the run's stages so far; as it is if they are not measured."""
        dataclasses.replace(self, stages=seconds_by_stage() or self.stages).write(folder)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "RunResult":
        """Return the result that ``to_json`` gave; keys that are not fields go to ``more``."""
        names = {field.name for field in dataclasses.fields(cls)} - {"more"}
        known = {name: value for name, value in stored.items() if name in names}
        more = {name: value for name, value in stored.items() if name not in names}
        return cls(**{"status": "unknown", **known}, more=more)

    @classmethod
    def read(cls, path: Path) -> "RunResult":
        """Read the ``result.json`` of a run, of this version or an earlier one.

        Raises:
            UserError: There is no such file.
        """
        if not path.is_file():
            raise UserError(
                f"{path.parent} contains no {path.name}: the run has not finished; resume it with resume={path.parent}."
            )
        return cls.from_json(json.loads(path.read_text(encoding="utf-8")))

    @property
    def mixes_units(self) -> bool:
        """Whether the overall errors are over several targets without a common unit."""
        return bool(self.targets) and not self.unit

    def summary(self) -> dict[str, Any]:
        """Return what trackers store of a finished run."""
        keys = ("status", "params", "seconds", "baselines", "skill", "targets")
        values = {key: value for key, value in self.to_json().items() if key in keys}
        best_step = (self.training or {}).get("best_step")
        # At the top level, where they replace what a tracker took from the curves: these are of the model that is kept.
        return {**values, **(self.metrics or {}), **({} if best_step is None else {"best_step": best_step})}


@contextmanager
def record_failure(folder: Path) -> Iterator[None]:
    """Write to ``result.json`` if the block is interrupted or fails, and print how to resume an interrupted run."""
    try:
        yield
    except KeyboardInterrupt:
        command = f"{COMMAND} resume={folder}"
        RunResult(status="interrupted", resume=command).write(folder)
        print(f"Interrupted; the state is saved. Resume with: {command}", flush=True)
        raise
    except Exception as error:
        RunResult(status="failed", error=str(error)).write(folder)
        raise


def is_finished(folder: Path) -> bool:
    """Return whether a folder contains a run that is done."""
    path = folder / "result.json"
    return path.is_file() and RunResult.read(path).status == "done"


def best_validation(history: Iterable[Mapping[str, Any]]) -> Figures:
    """Return the validation figures of the epoch with the lowest loss, none without a validation.

    Args:
        history: Rows of ``metrics.jsonl``.

    Example:
        >>> best_validation([{"step": 1, "val/loss": 0.5}, {"step": 2, "val/loss": None}])
        {'val/loss': 0.5}
    """
    best = min(
        history, key=lambda row: float("inf") if row["val/loss"] is None else row["val/loss"], default={}
    )
    return {key: value for key, value in best.items() if key.startswith("val/")}
