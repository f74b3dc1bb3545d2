"""The rows of a leaderboard, best first."""

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from tsforecast.comparison.names import LONGEST, names
from tsforecast.comparison.runs import Run, by_seed, varied
from tsforecast.metrics.bootstrap import Interval, rmse_difference, rmse_interval


@dataclasses.dataclass(frozen=True)
class Entry:
    """A run in its place.

    Args:
        rank: 1 is the lowest test RMSE.
        name: what sets it apart, as in ``model=gru batch_size=64``.
        run: the run.
        axes: short key -> value, for the keys in which runs differ.
        rmse: with its interval, where the run kept its errors.
        difference: RMSE minus that of rank 1, on shared windows; None for rank 1 and where none are shared.
    """

    rank: int
    name: str
    run: Run
    axes: Mapping[str, Any]
    rmse: Interval | None
    difference: Interval | None


def entries(runs: Sequence[Run]) -> list[Entry]:
    """The leaderboard of these runs."""
    axes = varied(runs)
    order = sorted(range(len(runs)), key=lambda place: runs[place].figures["test/rmse"])
    best = runs[order[0]]
    named = names(axes)
    return [
        Entry(
            rank=rank,
            name=named[place]
            if named[place] and named.count(named[place]) == 1
            else runs[place].folder.name[:LONGEST],
            run=runs[place],
            axes=axes[place],
            rmse=_own(runs[place]),
            difference=None if rank == 1 else _paired(runs[place], best),
        )
        for rank, place in enumerate(order, start=1)
    ]


def _reach(run: Run) -> int:
    window = run.result.get("window") or {}
    return int(window.get("lead") or 1) + int(window.get("horizon") or 1) - 1


def _own(run: Run) -> Interval | None:
    return rmse_interval(run.errors, _reach(run)) if run.errors is not None else None


def _paired(run: Run, best: Run) -> Interval | None:
    if run.errors is None or best.errors is None or run.task != best.task:
        return None
    return rmse_difference(run.errors, best.errors, _reach(run))


def over_seeds(board: Sequence[Entry]) -> list[dict[str, Any]]:
    """A row for each config that was run with several seeds: mean and spread of its figures; best mean first.

    The spread is the standard deviation over seeds, with n - 1.
    """
    rows = []
    groups = [group for group in by_seed([entry.run for entry in board]) if len(group) > 1]
    axes = [board[group[0]].axes for group in groups]
    labels = names([{key: value for key, value in one.items() if key != "seed"} for one in axes])
    for group, label in zip(groups, labels, strict=True):
        members = [board[place] for place in group]
        found = {key: _each(members, key) for key in ("test/rmse", "test/mae", "seconds")}
        rows.append(
            {
                "config": label or "all",
                "seeds": len(members),
                "test RMSE": statistics.mean(found["test/rmse"]),
                "spread": statistics.stdev(found["test/rmse"]),
                "lowest": min(found["test/rmse"]),
                "highest": max(found["test/rmse"]),
                "test MAE": statistics.mean(found["test/mae"]),
                "seconds": statistics.mean(found["seconds"]),
            }
        )
    return sorted(rows, key=lambda row: row["test RMSE"])


def _each(members: Sequence[Entry], key: str) -> list[float]:
    return [entry.run.figures[key] for entry in members if key in entry.run.figures] or [float("nan")]
