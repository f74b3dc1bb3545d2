"""The figure of a comparison."""

from dataclasses import replace
from pathlib import Path

import pytest

from tsforecast.comparison.figures import draw_figures
from tsforecast.comparison.leaderboard import rank_runs
from tsforecast.comparison.runs import Run
from tsforecast.metrics.bootstrap import Interval


def run(name, rmse, size=32, seed=0, lead=10):
    config = {"training": {"batch_size": size}, "seed": seed}
    window = {"lead": lead, "horizon": 1}
    result = {
        "metrics": {"test/rmse": rmse},
        "unit": "kW",
        "window": window,
        "data": {"hash": "h", "name": "house"},
    }
    return Run(Path(name), config, result)


@pytest.fixture
def board():
    runs = [run("a", 0.5, 32), run("b", 0.7, 32, seed=1), run("c", 0.55, 64), run("d", 0.3, lead=60)]
    return [replace(entry, rmse=Interval(0.5, 0.4, 0.6)) for entry in rank_runs(runs)]


def test_seeds_share_a_row_and_each_question_has_a_figure(board):
    figures = dict(draw_figures(board))
    assert list(figures) == ["errors", "errors_1"]
    (axes,) = figures["errors"].axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["batch_size=64", "batch_size=32"]
    assert figures["errors"].get_suptitle() == "house, lead 10, horizon 1, kW"
    assert axes.get_xlabel() == "test RMSE (kW)"
    (bars,) = axes.collections
    assert [path.vertices[0, 1] for path in bars.get_paths() if path.vertices[0, 0] == 0.4] == [0]


def test_runs_that_differ_in_nothing_but_their_folder_are_named_after_it(board):
    (figure,) = dict(draw_figures(board[-1:])).values()
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["d"]
