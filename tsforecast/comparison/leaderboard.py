"""The leaderboard: runs ranked by their test RMSE, with confidence intervals."""

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from tsforecast.comparison.names import MAX_LENGTH, name_runs
from tsforecast.comparison.runs import Run, find_differences, group_by_seed, group_by_task, name_questions
from tsforecast.metrics.bootstrap import Interval, rmse_difference, rmse_interval

SCORE = "test/rmse"


@dataclasses.dataclass(frozen=True)
class Entry:
    """A run with its place on the leaderboard.

    Args:
        rank: Its place among the runs that answer the same question, 1 for the lowest test RMSE.
        name: What distinguishes it, for example ``model=gru batch_size=64``.
        run: The run.
        axes: Short key to value, for the settings in which runs differ.
        rmse: RMSE with its interval, None without errors by window.
        difference: RMSE minus that of rank 1 on common windows; None for rank 1 and without common windows.
        question: What the run was asked: data, lead, horizon and unit.
        number: Its place on the page, from 0.
    """

    rank: int
    name: str
    run: Run
    axes: Mapping[str, Any]
    rmse: Interval | None
    difference: Interval | None
    question: str = ""
    number: int = 0


def rank_runs(runs: Sequence[Run]) -> list[Entry]:
    """Return the leaderboard of these runs: the best first of each question, the question with the most runs first."""
    groups = group_by_task(runs)
    board = [
        dataclasses.replace(entry, question=question)
        for group, question in zip(groups, name_questions(groups), strict=True)
        for entry in _rank_group(group)
    ]
    return [dataclasses.replace(entry, number=number) for number, entry in enumerate(board)]


def split_board(board: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Return the entries of each question."""
    parts: dict[str, list[Entry]] = {}
    for entry in board:
        parts.setdefault(entry.question, []).append(entry)
    return parts


def _rank_group(runs: Sequence[Run]) -> list[Entry]:
    axes = find_differences(runs)
    order = sorted(range(len(runs)), key=lambda index: runs[index].figures[SCORE])
    best = runs[order[0]]
    names = _unique_names(runs, axes)
    return [
        Entry(
            rank=rank,
            name=names[index],
            run=runs[index],
            axes=axes[index],
            rmse=_interval(runs[index]),
            difference=None if rank == 1 else _difference(runs[index], best),
        )
        for rank, index in enumerate(order, start=1)
    ]


def _unique_names(runs: Sequence[Run], axes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of runs after their settings; where several would be equal, after their folders."""
    names = name_runs(axes)
    return [
        name if name and names.count(name) == 1 else run.folder.name[:MAX_LENGTH]
        for name, run in zip(names, runs, strict=True)
    ]


def _steps_to_last_target(run: Run) -> int:
    window = run.result.get("window") or {}
    return int(window.get("lead") or 1) + int(window.get("horizon") or 1) - 1


def _interval(run: Run) -> Interval | None:
    return None if run.errors is None else rmse_interval(run.errors, _steps_to_last_target(run))


def _difference(run: Run, best: Run) -> Interval | None:
    if run.errors is None or best.errors is None or run.task != best.task:
        return None
    return rmse_difference(run.errors, best.errors, _steps_to_last_target(run))


def summarize_seeds(board: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return one row for each config that was run with several seeds, the lowest mean RMSE first.

    The spread is the standard deviation of a sample over seeds (n - 1).
    """
    groups = [
        [board[index] for index in group]
        for group in group_by_seed([entry.run for entry in board])
        if len(group) > 1
    ]
    names = name_runs([drop_seed(group[0].axes) for group in groups])
    rows = [_summarize(name, group) for name, group in zip(names, groups, strict=True)]
    return sorted(rows, key=lambda row: row["test RMSE"])


def drop_seed(axes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a run without its seed."""
    return {key: value for key, value in axes.items() if key != "seed"}


def _summarize(name: str, group: Sequence[Entry]) -> dict[str, Any]:
    rmse = _figures(group, SCORE)
    return {
        "config": name or "all",
        "seeds": len(group),
        "test RMSE": statistics.mean(rmse),
        "spread": statistics.stdev(rmse),
        "lowest": min(rmse),
        "highest": max(rmse),
        "test MAE": statistics.mean(_figures(group, "test/mae")),
        "seconds": statistics.mean(_figures(group, "seconds")),
    }


def _figures(group: Sequence[Entry], key: str) -> list[float]:
    return [entry.run.figures[key] for entry in group if key in entry.run.figures] or [float("nan")]


def find_cautions(board: Sequence[Entry]) -> list[str]:
    """Return sentences on why some of these runs should not be compared."""
    cautions, parts = [], split_board(board)
    if len(parts) > 1:
        cautions.append(
            f"These runs answer {len(parts)} questions (data, lead, horizon or unit differ): compare errors within one."
        )
    if any(len({_test_windows(entry.run) for entry in part} - {None}) > 1 for part in parts.values()):
        cautions.append(
            "These runs were scored on different test windows (split or window.stride): their RMSEs are of different"
            " hours; only a difference to best, which uses the common windows, compares them."
        )
    missing = sum(entry.rmse is None for entry in board)
    if missing:
        cautions.append(
            f"{missing} of {len(board)} runs have no interval: no errors.npz, or too few test windows."
        )
    return cautions


def _test_windows(run: Run) -> tuple[int, int, int] | None:
    """Return count, first and last of the test windows; None without errors by window."""
    if run.errors is None or not len(run.errors.ends):
        return None
    ends = run.errors.ends
    return len(ends), int(ends[0]), int(ends[-1])
