"""The leaderboard as figures: the error of every config, with all its seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tsforecast.comparison.leaderboard import SCORE, Entry, drop_seed, split_board
from tsforecast.comparison.names import name_runs
from tsforecast.comparison.page import common_unit
from tsforecast.comparison.runs import group_by_seed
from tsforecast.metrics import metric_label

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_figures(board: Sequence[Entry]) -> Iterator[tuple[str, Figure]]:
    """Yield name and figure of the errors, one figure for each question that the runs answer.

    Args:
        board: Leaderboard, see ``leaderboard.rank_runs``.
    """
    from tsforecast.plots import plot_errors

    parts = split_board(board)
    for number, (question, part) in enumerate(parts.items()):
        groups = [[part[index] for index in group] for group in group_by_seed([entry.run for entry in part])]
        names = _name_groups(groups)
        intervals = {
            name: (group[0].rmse.low, group[0].rmse.high)
            for name, group in zip(names, groups, strict=True)
            if len(group) == 1 and group[0].rmse is not None
        }
        yield (
            f"errors_{number}" if number else "errors",
            plot_errors(
                {
                    name: [entry.run.figures[SCORE] for entry in group]
                    for name, group in zip(names, groups, strict=True)
                },
                intervals=intervals,
                title=question,
                label=f"test {metric_label(SCORE, common_unit(part))}",
            ),
        )


def _name_groups(groups: Sequence[Sequence[Entry]]) -> list[str]:
    """Return a name for each config; where several would be equal, the names of their first runs."""
    names = name_runs([drop_seed(group[0].axes) for group in groups])
    return [
        name if name and names.count(name) == 1 else group[0].name
        for name, group in zip(names, groups, strict=True)
    ]
