"""The MLflow tracker against a real server on loopback; skipped where MLflow, an extra of its own, is not installed."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from tsforecast.errors import UserError
from tsforecast.tracking import mlflow_tracker
from tsforecast.tracking.background import Limits, start_trackers
from tsforecast.tracking.run_folder import RunFolder

pytestmark = [
    pytest.mark.filterwarnings("default"),  # MLflow itself uses what is deprecated
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    pytest.importorskip(
        "mlflow", reason="MLflow is not installed: make setup EXTRAS=mlflow, in an environment of its own"
    )
    folder = tmp_path_factory.mktemp("server")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{folder}/m.db", "--artifacts-destination", str(folder / "files"),
    ]  # fmt: skip
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # seven more processes
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True, **quiet)
    url = f"http://127.0.0.1:{port}"
    end = time.monotonic() + 120
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(f"{url}/health", timeout=2).close()
            break
        except OSError:
            time.sleep(0.3)
    yield url
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(30)


@pytest.fixture
def client(server):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=server, registry_uri=server)


def start(path, server, **arguments):
    config = {"model": {"_target_": "some.model", "units": [64]}, "seed": 1, "resume": None}
    folder = RunFolder.create(path)
    return mlflow_tracker.start(
        config=config, folder=folder, name=path.name, uri=server, code=False, **arguments
    )


def run_of(client, path):
    return client.get_run((path / "mlflow_id").read_text())


def test_a_run_reads_back_whole(server, client, tmp_path):
    path = tmp_path / "run"
    with start(path, server) as tracker:
        for step, value in ((10, 1.0), (20, 0.5)):
            tracker.log({"loss": value, "val/rmse": 2 * value, "text": "x", "none": None}, step=step)
        tracker.use_data("load", "a1b2", {"rows": 20})
        tracker.table("parameters", ["layer", "count"], [["lstm", 5]])
        tracker.forecast_plot("forecast", [0, 1], {"truth": [1.0, 2.0]}, "minutes")
        (path / "report.html").write_text("<p>report</p>")
        tracker.page("report", path / "report.html")
        tracker.alert("Refused", "worse.")
        tracker.summary({"val/rmse": 1.0, "test/rmse": 1.5, "skill": {"persistence": 0.1}})
    run = run_of(client, path)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"model._target_": "some.model", "model.units": "[64]", "seed": "1"}
    history = [
        (metric.step, metric.value) for metric in client.get_metric_history(run.info.run_id, "val/rmse")
    ]
    assert history == [(10, 2.0), (20, 1.0)]
    assert (run.data.metrics["test/rmse"], run.data.metrics["best/val/rmse"]) == (1.5, 1.0)
    assert run.data.tags["alert"] == "Refused: worse."
    assert [entry.dataset.digest for entry in run.inputs.dataset_inputs] == ["a1b2"]
    names = {
        file.path
        for folder in ("", "tables", "plots")
        for file in client.list_artifacts(run.info.run_id, folder)
    }
    assert {"report.html", "summary.json", "tables/parameters.json", "plots/forecast.png"} <= names


def test_runs_of_a_sweep_are_nested_and_a_resumed_one_continues(server, client, tmp_path):
    for name in ("a", "b", "a"):
        with start(tmp_path / name, server, group="study") as tracker:
            tracker.log({"loss": 1.0}, step=1)
    parents = {run_of(client, tmp_path / name).data.tags["mlflow.parentRunId"] for name in ("a", "b")}
    assert len(parents) == 1
    assert client.get_run(parents.pop()).info.run_name == "study"
    run = run_of(client, tmp_path / "a")
    assert len(client.get_metric_history(run.info.run_id, "loss")) == 2


def test_an_interrupted_run_is_marked(server, client, tmp_path):
    with pytest.raises(KeyboardInterrupt), start(tmp_path / "run", server):
        raise KeyboardInterrupt
    assert run_of(client, tmp_path / "run").info.status == "KILLED"


def test_a_server_that_is_gone_harms_nothing(tmp_path, server, capsys, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"http://127.0.0.1:{probe.getsockname()[1]}"
    began = time.monotonic()
    with start_trackers({"mlflow": lambda: start(tmp_path / "run", address)}, Limits(start=20)) as tracker:
        for step in range(100):
            tracker.log({"loss": 1.0}, step=step)
    assert time.monotonic() - began < 30
    assert "The tracker mlflow did not take a report" in capsys.readouterr().out


TRAIN = [
    "model=dlinear",
    "training=quick",
    "scale=tiny",
    "device=cpu",
    "report.explain=false",
    "tracker=mlflow",
]


def test_a_trained_model_predicts_from_a_frame_and_becomes_the_champion(server, client, tmp_path):
    import mlflow

    root = os.getcwd()
    options = [
        *TRAIN,
        f"tracker.uri={server}",
        "tracker.code=false",
        f"registry.path={tmp_path / 'registry'}",
    ]
    folder = tmp_path / "trained"
    run = [sys.executable, f"{root}/run.py"]
    training = [option for option in options if not option.startswith("registry")]
    subprocess.run([*run, *training, f"hydra.run.dir={folder}"], check=True, cwd=root, capture_output=True)
    promoting = ["job=promote", f"run={folder}", *options[-3:]]
    subprocess.run([*run, "tracker=mlflow", *promoting], check=True, cwd=root, capture_output=True)
    version = client.get_model_version_by_alias("household_power-dlinear", "champion")
    assert version.run_id == (folder / "mlflow_id").read_text()
    assert version.tags["tsforecast.version"] == "v0001"
    mlflow.set_tracking_uri(server)
    model = mlflow.pyfunc.load_model("models:/household_power-dlinear@champion")
    assert "global_active_power" in model.metadata.get_input_schema().input_names()
    assert "minute_of_day_sin" not in model.metadata.get_input_schema().input_names()
    forecasts = model.predict(model.input_example)
    assert list(forecasts.columns) == ["made_at", "time", "target", "forecast"]
    assert len(forecasts) == 3
    result = json.loads((folder / "result.json").read_text())
    assert float(version.tags["test/rmse"]) == result["metrics"]["test/rmse"]


def test_without_mlflow_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with (
        pytest.raises(UserError, match=r"tracker=mlflow needs MLflow: .*EXTRAS=mlflow"),
        start(tmp_path, "x"),
    ):
        pass
