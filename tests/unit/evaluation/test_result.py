"""The result of a run: written, read again, and read from files of earlier versions."""

import json
import math

import pytest

from tsforecast.errors import UserError
from tsforecast.evaluation.result import RunResult, best_validation, is_finished
from tsforecast.stages import measure_stages, stage

SCORED = {
    "status": "done",
    "model": "gru",
    "params": 100,
    "seconds": 1.5,
    "metrics": {"test/rmse": 0.5, "test/mae": 0.4},
    "baselines": {"persistence": {"test/rmse": 0.8}},
    "skill": {"persistence": 0.375},
    "unit": "kW",
}


def test_what_is_written_is_read_again(tmp_path):
    result = RunResult(**SCORED, more={"ensemble": {"weighting": "gated"}})
    result.write(tmp_path)
    assert RunResult.read(tmp_path / "result.json") == result
    stored = json.loads((tmp_path / "result.json").read_text())
    assert stored["ensemble"] == {"weighting": "gated"}
    assert "more" not in stored


def test_a_scored_run_says_what_it_was_scored_without():
    stored = RunResult(**SCORED).to_json()
    assert [stored[name] for name in ("users_estimate", "explanation", "latency_ms")] == [None] * 3
    assert "error" not in stored
    assert "targets" not in stored


def test_a_run_that_failed_has_nothing_else():
    assert RunResult(status="interrupted", resume="python run.py resume=x").to_json() == {
        "status": "interrupted",
        "resume": "python run.py resume=x",
    }


def test_files_of_earlier_versions_stay_readable(tmp_path):
    old = {**SCORED, "rules": [], "spikes": {}, "std": {"metrics": {}}, "window": {"lookback": 9}, "other": 1}
    (tmp_path / "result.json").write_text(json.dumps(old))
    result = RunResult.read(tmp_path / "result.json")
    assert (result.model, result.window, result.skill) == ("gru", {"lookback": 9}, {"persistence": 0.375})
    assert result.more == {"std": {"metrics": {}}, "other": 1}
    assert {key: value for key, value in result.to_json().items() if value is not None} == old


def test_without_a_result_the_way_to_resume_is_named(tmp_path):
    with pytest.raises(UserError, match=r"contains no result\.json: .* resume it with resume="):
        RunResult.read(tmp_path / "result.json")


def test_what_counts_as_finished(tmp_path):
    assert not is_finished(tmp_path)
    RunResult(status="failed", error="x").write(tmp_path)
    assert not is_finished(tmp_path)
    RunResult(**SCORED).write(tmp_path)
    assert is_finished(tmp_path)


def test_units_are_mixed_only_where_several_targets_have_no_common_one():
    targets = {"a": {}, "b": {}}
    assert RunResult(**{**SCORED, "unit": ""}, targets=targets).mixes_units
    assert not RunResult(**SCORED, targets=targets).mixes_units
    assert not RunResult(**{**SCORED, "unit": ""}).mixes_units


def test_trackers_get_the_figures_of_the_model_that_is_kept():
    result = RunResult(**SCORED, training={"best_step": 20, "ended": "patience"})
    others = {"status", "params", "seconds", "baselines", "skill", "best_step"}
    assert set(result.summary()) == others | set(SCORED["metrics"])
    assert result.summary()["best_step"] == 20


def test_the_best_validation_is_that_of_the_lowest_loss():
    history = [
        {"step": 1, "val/loss": None, "val/rmse": 9.0},
        {"step": 2, "val/loss": 0.5, "val/rmse": 0.7},
        {"step": 3, "val/loss": 0.6, "val/rmse": 0.6},
    ]
    assert best_validation(history) == {"val/loss": 0.5, "val/rmse": 0.7}
    assert best_validation([]) == {}


def test_figures_that_are_not_numbers_are_null(tmp_path):
    RunResult(status="done", metrics={"test/rmse": math.nan}).write(tmp_path)
    assert RunResult.read(tmp_path / "result.json").metrics == {"test/rmse": None}


def test_stages_are_written_with_a_result_and_read_with_it(tmp_path):
    with measure_stages(), stage("report"):
        RunResult(status="done", model="gru").write_with_stages(tmp_path)
    stored = RunResult.read(tmp_path / "result.json")
    assert list(stored.stages) == ["start", "report", "other"]
    stored.write_with_stages(tmp_path)  # where nothing is measured, they stay
    assert RunResult.read(tmp_path / "result.json").stages == stored.stages
