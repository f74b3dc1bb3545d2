"""Many series: trained, scored and evaluated again in a fresh process."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.helpers.command_runs import run_fresh
from tests.helpers.panel_case import make_panel, write_panel, write_static_panel

pytestmark = pytest.mark.slow

PANEL = ["data=csv", "data.path=panel.csv", "data.target=load", "data.series_id=id", "data.season=6"]
WINDOW = ["window.lookback=12", "window.lead=1", "window.horizon=6", "data.split.val=8", "data.split.test=8"]
QUICK = ["training=quick", "training.batch_size=16", "training.supervision=last", "tracker=none"]


STATIC = ["data.static=[size,region]", "data.series_input=true"]


@pytest.mark.parametrize("model", ["dlinear", "lightgbm"])
def test_a_panel_is_trained_and_evaluated(tmp_path, model):
    write_panel(tmp_path / "panel.csv", make_panel())
    done = run_fresh(*PANEL, *WINDOW, *QUICK, f"model={model}", cwd=tmp_path)
    assert done.code == 0, done.err
    result = done.result
    assert {"test/mase", "test/smape", "test/wape", "test/rmsse", "test/owa"} <= result["metrics"].keys()
    assert result["baselines"]["naive2"]["test/owa"] == 1
    assert list(result["series"]) == ["a", "b", "c"]
    assert result["data"]["series"] == 3
    mean = sum(figures["mase"] for figures in result["series"].values()) / 3
    assert result["metrics"]["test/mase"] == pytest.approx(mean)
    assert "3 series: MASE" in done.out
    again = run_fresh("job=evaluate", f"run={done.folder}", cwd=tmp_path)
    assert "Equal to the run's result." in again.out, again.err
    assert json.loads((done.folder / "evaluation.json").read_text())["series"] == result["series"]


def test_a_file_with_an_unknown_series_is_forecast(tmp_path):
    path = write_static_panel(tmp_path / "panel.csv", make_panel())
    done = run_fresh(*PANEL, *WINDOW, *QUICK, *STATIC, "model=dlinear", "loss=quantile", cwd=tmp_path)
    assert done.code == 0, done.err
    path.write_text(path.read_text().replace("\nc,", "\nnew,"))
    command = ["job=predict", f"run={done.folder}", "predict.data=panel.csv", "predict.out=out.csv"]
    paths = ["predict.samples=2", "predict.samples_out=paths.csv"]
    again = run_fresh(*command, *paths, "tracker=none", cwd=tmp_path)
    assert again.code == 0, again.err
    assert "1 series were not in the training data (first: 'new')" in again.out
    rows = [line.split(",")[0] for line in (tmp_path / "out.csv").read_text().splitlines()]
    assert {name: rows.count(name) for name in ('"a"', '"b"', '"new"')} == {
        '"a"': 6 * 49,
        '"b"': 6 * 69,
        '"new"': 6 * 89,
    }
    names = [line.split(",")[0] for line in (tmp_path / "paths.csv").read_text().splitlines()]
    assert (names[0], names.count('"new"')) == ('"id"', 2 * 6 * 89)


def test_a_champion_of_many_series_is_retrained_without_a_damaged_one(tmp_path):
    series = make_panel(lengths=(100, 120, 140), starts=(40, 20, 0))
    known = series.select(series.time <= series.time.max() - np.timedelta64(30, "h"))
    write_panel(tmp_path / "panel.csv", known)
    done = run_fresh(*PANEL, *WINDOW, *QUICK, "model=dlinear", cwd=tmp_path)
    assert run_fresh("job=promote", f"run={done.folder}", "tracker=none", cwd=tmp_path).code == 0
    values = series.values.copy()
    values[195:220] *= 1000
    write_panel(tmp_path / "panel.csv", replace(series, values=values))
    sizes = ["retrain.train_steps=60", "retrain.val_steps=10", "retrain.held_out_steps=12"]
    limits = ["retrain.least_new_rows=20", "retrain.max_steps=60", "retrain.learning_rate=0.01"]
    replayed = run_fresh("job=replay", *sizes, *limits, "retrain.replay_days=2", "tracker=none", cwd=tmp_path)
    assert "day 1: unchanged, MASE" in replayed.out, replayed.err  # and six hours of a second day
    again = run_fresh(
        "job=retrain", *sizes, *limits, "retrain.latency_ms=60000", "tracker=none", cwd=tmp_path
    )
    assert "Series 'b' is left out: the mean of load over" in again.out, again.err
    assert "promoted: v0002 replaces v0001: retrained with 90 new rows; MASE" in again.out
    assert "without 'b'" in again.out
