import json
import shutil

import pytest

from tests.helpers.compose import compose
from tests.helpers.recording_tracker import RecordingTracker
from tests.helpers.wandb_log import read_run
from tsforecast.config.dispatch import track_command
from tsforecast.registry import Registry
from tsforecast.registry.tracking import report_champion, report_replay, report_retraining
from tsforecast.tracking.current import current_tracker, use_tracker
from tsforecast.tracking.null_tracker import NullTracker

RESULT = {
    "model": "lstm",
    "metrics": {"val/rmse": 0.5, "test/rmse": 0.6},
    "data": {"name": "load", "hash": "a1"},
    "window": {"lookback": 10, "lead": 1, "horizon": 2},
    "unit": "kW",
}


@pytest.fixture
def version(tmp_path):
    saved = tmp_path / "best.keras"
    saved.write_bytes(b"a saved model")
    return Registry(tmp_path / "registry").add(
        saved, config="seed: 0", result=RESULT, lineage={"run": "first"}
    )


@pytest.fixture
def tracker():
    tracker = RecordingTracker()
    with use_tracker(tracker):
        yield tracker


def outcome(name, **more):
    return {
        "outcome": name,
        "why": "why.",
        "champion": "v0001",
        "rows": 9,
        "new_rows": 3,
        "seconds": 1.0,
        **more,
    }


def test_a_promotion_reports_both_models_and_the_champion(version, tracker):
    compared = {"champion": {"test/rmse": 0.7}, "challenger": {"test/rmse": 0.6}, "latency_ms": 3.0}
    report_retraining(outcome("promoted", compared=compared), version)
    assert tracker.final["challenger/test/rmse"] == 0.6
    assert tracker.final["champion/test/rmse"] == 0.7
    assert tracker.final["champion"] == "v0001"
    (artifact,) = tracker.artifacts
    assert (artifact.name, artifact.champion, artifact.score) == ("load-lstm", "v0001", 0.5)
    assert json.loads(artifact.question) == ["a1", 1, 2, "kW"]
    assert [file.read_bytes() for file in artifact.files] == [b"a saved model"]
    assert tracker.alerts == []


def test_a_champion_names_the_model_that_it_replaces(tmp_path, version, tracker):
    registry = Registry(tmp_path / "registry")
    other = {**RESULT, "model": "gru"}
    second = registry.add(tmp_path / "best.keras", config="seed: 1", result=other, lineage={"run": "second"})
    for one in (version, second):
        report_champion(registry.promote(one.name, "by hand"))
    report_champion(registry.rollback("by hand"))
    shutil.rmtree(second.path)
    report_champion(version)
    names = [(artifact.name, artifact.replaces) for artifact in tracker.artifacts]
    assert names == [
        ("load-lstm", None),
        ("load-gru", "load-lstm"),
        ("load-lstm", "load-gru"),
        ("load-lstm", None),
    ]


@pytest.mark.parametrize(
    ("more", "title"), [({}, "Retraining refused"), ({"faults": ["stuck"]}, "Damaged data")]
)
def test_a_refusal_is_an_alert(version, tracker, more, title):
    report_retraining(outcome("refused", **more), version)
    assert tracker.alerts == [(title, "v0001 stays: why.")]
    assert tracker.artifacts == []


def test_nothing_new_is_no_alert(version, tracker):
    report_retraining(outcome("nothing new"), version)
    assert (tracker.alerts, tracker.artifacts) == ([], [])


def test_a_replay_is_a_curve_over_days(tracker):
    days = [{"day": 1, "rmse": 0.5, "outcome": None}, {"day": 2, "rmse": 0.4, "outcome": "promoted"}]
    report_replay({"status": "done", "days": days, "with_retraining": 0.45})
    assert tracker.rows == [(0, {"day": 1, "rmse": 0.5}), (1, {"day": 2, "rmse": 0.4})]
    assert tracker.final == {"status": "done", "with_retraining": 0.45}


def test_a_command_is_a_run_of_its_own_if_offline_runs_are_asked_for(version, tmp_path):
    config = compose("job=rollback", "tracker.mode=offline")
    with track_command(config, tmp_path / "command"):
        report_retraining(outcome("refused"), version)
        current_tracker().summary({"note": "x"})
    assert isinstance(current_tracker(), NullTracker)
    (folder,) = (tmp_path / "command").glob("tracking_*")
    (run,) = read_run(folder)
    assert (run["job"], run["name"], run["summary"]["note"]) == ("rollback", "rollback command", "x")
    assert run["alerts"] == [("Retraining refused", "v0001 stays: why.")]


def test_without_a_key_a_command_leaves_nothing(tmp_path, capsys):
    with track_command(compose("job=rollback"), tmp_path / "command"):
        current_tracker().summary({"note": "x"})
    assert not (tmp_path / "command").exists()
    assert capsys.readouterr().out == ""
