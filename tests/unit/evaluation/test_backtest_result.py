"""The figures of a backtest: means over the origins, and the printed lines."""

import pytest

from tsforecast.evaluation.backtest_result import closing_lines, mean_and_spread, origin_line


def test_undefined_figures_are_left_out_of_the_mean():
    found = [
        {"metrics": {"a": value}, "baselines": {"p": {"a": 1.0}}, "skill": {"p": None}}
        for value in (1.0, None, 3.0)
    ]
    mean, std = mean_and_spread(found)
    assert mean == {"metrics": {"a": 2.0}, "baselines": {"p": {"a": 1.0}}, "skill": {"p": None}}
    assert std == {
        "metrics": {"a": pytest.approx(2**0.5)},
        "baselines": {"p": {"a": 0.0}},
        "skill": {"p": None},
    }


def test_figures_of_targets_are_averaged_too():
    origins = [
        {"metrics": {}, "baselines": {}, "skill": {}, "targets": {"load": {"metrics": {"test/mae": value}}}}
        for value in (1.0, 2.0)
    ]
    assert mean_and_spread(origins)[0]["targets"] == {"load": {"metrics": {"test/mae": 1.5}}}


def test_lines_without_a_unit_have_no_stray_space():
    figures = {
        "metrics": {"test/rmse": 0.5},
        "baselines": {"persistence": {"test/rmse": 1.0}},
        "seconds": 2.2,
    }
    assert origin_line(figures, "") == "  RMSE 0.5000 (persistence 1.0000), 2 s"
    mean = {"metrics": {"test/rmse": 0.5, "test/mae": 0.25}}
    spread = {"metrics": {"test/rmse": 0.125, "test/mae": None}}
    baselines = (
        {"baselines": {"persistence": mean["metrics"]}},
        {"baselines": {"persistence": spread["metrics"]}},
    )
    assert closing_lines(mean | baselines[0], spread | baselines[1], "", 2) == [
        "2 origins, mean and standard deviation:",
        "  model: RMSE 0.5000 ± 0.1250, MAE 0.2500",
        "  persistence: RMSE 0.5000 ± 0.1250, MAE 0.2500",
    ]
    assert closing_lines(mean | baselines[0], spread | baselines[1], "kW", 2)[1].endswith("MAE 0.2500 kW")
