"""A file that changes after training: every job that continues from the model keeps the model's scaling and says so."""

import json
import shutil
import zipfile
from datetime import datetime, timedelta

import numpy as np
import pytest

from tests.helpers.command_runs import read_result, run_chain

pytestmark = pytest.mark.slow

TINY = [
    "data=csv",
    "data.path=live.csv",
    "data.target=load",
    "training=quick",
    "tracker=none",
    "device=cpu",
    "window.lookback=48",
    "window.lead=1",
    "training.warmup_steps=12",
    "report.spikes=false",
]


def write(path, values):
    start = datetime(2024, 1, 1)
    lines = [f"{start + timedelta(hours=row)},{value:.3f}" for row, value in enumerate(values)]
    path.write_text("\n".join(["time,load", *lines]) + "\n")


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    here = tmp_path_factory.mktemp("changed")
    hours = np.arange(4000)
    noise = np.random.default_rng(21).normal(0, 1.5, 4000)
    values = 50 + 20 * np.sin(2 * np.pi * hours / 24) + noise
    raised = values[:3000].copy()
    raised[:1500] += 300  # training rows only, and none that a validation window reaches back to
    write(here / "data.csv", values[:3000])
    write(here / "raised.csv", raised)
    write(here / "grown.csv", values)
    write(here / "shrunk.csv", values[:1500])
    commands = [
        "copy data.csv live.csv",
        " ".join([*TINY, "model=dlinear", "hydra.run.dir=run"]),
        "job=evaluate run=run",
        "copy run/evaluation.json same.json",
        "job=promote run=run registry.path=registry_same",
        "job=export run=run format=saved_model export.windows=5",
        "copy run/export.json export_same.json",
        "copy raised.csv live.csv",
        "job=evaluate run=run",
        "copy run/evaluation.json raised.json",
        "job=promote run=run registry.path=registry_raised",
        "job=export run=run format=saved_model export.windows=5",
        "copy run/export.json export_raised.json",
        " ".join(["job=distill", "run=run", "model=nlinear", *TINY, "hydra.run.dir=student"]),
        "copy grown.csv live.csv",
        "job=evaluate run=run",
        "copy run/evaluation.json grown.json",
    ]
    arguments = " -- ".join(commands).split()
    done = run_chain(*arguments, cwd=here)
    assert done.code == 0, done.err
    return done


def read(chain, name):
    return json.loads((chain.cwd / name).read_text())


def test_the_run_records_its_data(chain):
    stored = read(chain, "run/data.json")
    assert stored["data"] == read_result(chain.cwd / "run")["data"]
    assert stored["data"]["rows"] == 3000
    assert stored["data"]["splits"]["train"] == ["2024-01-01T00:00:00", "2024-03-28T11:00:00"]
    assert stored["channels"][0] == "load"


def test_evaluate_keeps_the_scaling_when_training_rows_change(chain):
    before = read_result(chain.cwd / "run")["metrics"]
    for name in ("same.json", "raised.json"):
        figures = read(chain, name)["metrics"]
        assert figures["test/rmse"] == before["test/rmse"], name
        assert figures["test/mae"] == before["test/mae"], name
    assert before["test/rmse"] < 4


def test_changed_data_are_reported_with_rows_and_hash(chain):
    recorded = read_result(chain.cwd / "run")["data"]["hash"]
    warnings = [line for line in chain.out.splitlines() if line.startswith("Warning: the data have changed")]
    assert (
        len(warnings) == 5
    )  # evaluate, promote, export and distill on raised rows, evaluate on a grown file
    assert all(f"3,000 rows then (hash {recorded})" in line for line in warnings)
    assert sum("4,000 rows now" in line for line in warnings) == 1
    assert chain.out.count("Equal to the run's result.") == 1


def test_promote_calibrates_by_the_model_s_scaling(chain):
    same, raised = (
        np.load(chain.cwd / f"registry_{name}/versions/v0001/calibration.npz") for name in ("same", "raised")
    )
    assert same.files == raised.files
    for name in same.files:
        np.testing.assert_array_equal(same[name], raised[name])


def test_export_samples_windows_under_the_model_s_scaling(chain):
    rows = [read(chain, f"export_{name}.json")["rows"][0]["rmse"] for name in ("same", "raised")]
    assert rows[0] == rows[1]


def test_a_student_learns_under_its_teacher_s_scaling(chain):
    student = read_result(chain.cwd / "student")
    assert student["distilled"][0]["RMSE"] == read_result(chain.cwd / "run")["metrics"]["test/rmse"]
    start = read(chain, "student/data.json")["scaler"]
    assert start == read(chain, "run/data.json")["scaler"]


@pytest.fixture
def changed(chain, tmp_path):
    """A function that copies the run next to another file, as if it had been interrupted."""

    def copy(name):
        shutil.copytree(chain.cwd / "run", tmp_path / "run")
        shutil.copy(chain.cwd / name, tmp_path / "live.csv")
        return tmp_path

    return copy


@pytest.mark.parametrize("job", ["evaluate", "promote"])
def test_rows_that_were_trained_on_are_refused(changed, cold_command, job):
    here = changed("shrunk.csv")
    done = cold_command(f"job={job}", "run=run", cwd=here)
    assert done.code == 2, done.err
    assert done.err.count("\n") == 1
    assert "3,000 rows then" in done.err
    assert "1,500 rows now" in done.err
    assert "were training rows of the run" in done.err


@pytest.mark.parametrize("with_record", [True, False])
def test_a_run_is_not_resumed_on_other_data(changed, cold_command, with_record):
    here = changed("raised.csv")
    (here / "run/result.json").write_text('{"status": "interrupted"}')
    if not with_record:  # as version 0.1 left it
        (here / "run/data.json").unlink()
    done = cold_command("resume=run", cwd=here)
    assert done.code == 2, done.err
    assert "run cannot be resumed: the" in done.err
    assert "have changed since the run" in done.err
    assert done.err.count("\n") == 1
    assert "tensorflow" not in done.imported


@pytest.mark.parametrize("with_record", [True, False])
def test_a_run_is_resumed_on_its_own_data(changed, cold_command, with_record):
    here = changed("data.csv")
    (here / "run/result.json").write_text('{"status": "interrupted"}')
    if not with_record:
        (here / "run/data.json").unlink()
    done = cold_command("resume=run", cwd=here)
    assert "cannot be resumed" not in done.err
    assert done.imported  # it went on to load the backend, which is kept out here


def test_a_column_that_is_new_is_left_out(changed, cold_command):
    here = changed("data.csv")
    lines = (here / "live.csv").read_text().splitlines()
    wider = [lines[0] + ",flow", *(f"{line},{row % 7}" for row, line in enumerate(lines[1:]))]
    (here / "live.csv").write_text("\n".join(wider) + "\n")
    done = cold_command("job=evaluate", "run=run", cwd=here)
    assert "trained on" not in done.err
    assert "Warning" not in done.out  # the features of the run, and so its hash
    assert done.imported


def test_another_column_is_refused(changed, cold_command):
    """Also for models of version 0.1, which know their channels alone."""
    here = changed("data.csv")
    with zipfile.ZipFile(here / "run/best.keras") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    stored = json.loads(parts["config.json"])
    stored["config"]["card"]["channels"].append("another@+1")
    parts["config.json"] = json.dumps(stored).encode()
    with zipfile.ZipFile(here / "run/best.keras", "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    done = cold_command("job=evaluate", "run=run", cwd=here)
    assert done.code == 2
    assert "The data have the features load" in done.err
    assert "trained on" in done.err


def test_a_file_to_forecast_is_checked_before_tensorflow_is_loaded(changed, cold_command):
    here = changed("data.csv")
    lines = (here / "live.csv").read_text().splitlines()
    lines[599] = lines[599].split(",")[0] + ",abc"
    (here / "bad.csv").write_text("\n".join(lines) + "\n")
    done = cold_command("job=predict", "run=run", "predict.data=bad.csv", cwd=here)
    assert (done.code, done.imported) == (2, [])
    assert "column 'load' of bad.csv contains 'abc' in row 599" in done.err
