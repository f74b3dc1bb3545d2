"""What became of a job, read from its folder alone: so a sweep that was killed still knows."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from tsforecast.evaluation.result import RunResult
from tsforecast.metrics import metric_keys
from tsforecast.tracking.run_folder import RunFolder

COSTS = ("params", "seconds", "peak_memory_mb")
FIGURES = (*metric_keys(), *COSTS)  # of a trained run; runs with quantiles have more, see ``find_metric``
LOG_TAIL = 10_000  # bytes read of a log's end


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a job stands.

    Args:
        status: ``waiting``, ``running``, ``done``, ``failed``, ``pruned`` or ``interrupted``.
        error: why it failed, or was pruned; else empty.
        figures: ``test/rmse`` and the like, with ``skill/...``, ``params`` and ``seconds``.
        unit: of the target.
        killed: whether a signal ended it, which says nothing against its last checkpoint.
    """

    status: str
    error: str = ""
    figures: dict[str, float] = dataclasses.field(default_factory=dict)
    unit: str = ""
    killed: bool = False


def read_outcome(folder: Path) -> Outcome:
    """The outcome in a job's folder; ``waiting`` where it has none yet."""
    file = RunFolder(folder).result
    try:
        result = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Outcome("waiting")
    return Outcome(
        status=str(result.get("status")),
        error=str(result.get("error") or ""),
        figures=figures(result),
        unit=str(result.get("unit") or ""),
        killed=bool(result.get("killed")),
    )


def figures(result: dict[str, Any]) -> dict[str, float]:
    """Return the flat figures of a ``result.json``: metrics, ``skill/NAME``, ``params``, ``seconds``; without None."""
    flat = dict(result.get("metrics") or {})
    flat |= {f"skill/{name}": value for name, value in (result.get("skill") or {}).items()}
    flat |= {name: result.get(name) for name in COSTS}
    return {name: value for name, value in flat.items() if isinstance(value, (int, float))}


def close(folder: Path, code: int) -> Outcome:
    """Return the outcome of a job that ended with ``code``; write it to its folder if the job did not."""
    outcome = read_outcome(folder)
    if code == 0:
        return outcome if outcome.status == "done" else write(folder, "done", "")
    if outcome.status in ("failed", "interrupted") and code > 0:
        return outcome
    if code in (130, -15):
        return write(folder, "interrupted", "")
    return write(folder, "failed", reason(folder, code), killed=code < 0)


def write(folder: Path, status: str, error: str, killed: bool = False) -> Outcome:
    """Write the outcome of a job for it."""
    folder.mkdir(parents=True, exist_ok=True)
    RunResult(status=status, error=error, killed=killed).write(folder)
    return Outcome(status, error, killed=killed)


def reason(folder: Path, code: int) -> str:
    """Why a job failed, in one line: its last printed line, or the signal that killed it."""
    if code < 0:
        hint = ", perhaps for want of memory" if code == -9 else ""
        return f"killed by signal {-code}{hint}"
    return last_line(folder / "log.txt") or f"ended with exit code {code}"


def last_line(log: Path, start: int = 0) -> str:
    """The last printed line of a log, from byte ``start`` on, that is not empty; empty where there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(file.seek(0, 2) - LOG_TAIL, start))
            lines = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
