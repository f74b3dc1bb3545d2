import inspect
import math
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from tests.helpers.wandb_log import read_run
from tsforecast.config.instantiate import instantiate
from tsforecast.errors import UserError
from tsforecast.tracking import null_tracker, wandb_account, wandb_run, wandb_tracker
from tsforecast.tracking.artifacts import Artifact
from tsforecast.tracking.null_tracker import NullTracker
from tsforecast.tracking.protocol import Tracker
from tsforecast.tracking.run_folder import RunFolder, git_commit

KEY = "0123456789" * 4


@pytest.fixture(autouse=True)
def no_account(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path))


@pytest.fixture
def folder(tmp_path):
    return RunFolder.create(tmp_path / "run")


def start(folder, **arguments):
    config = {"model": {"_target_": "some.model", "widths": (128, 64)}, "seed": 1, "job": {"name": "train"}}
    return wandb_tracker.start(config=config, folder=folder, name="lstm", **arguments)


def report_everything(tracker, folder):
    folder.best.write_bytes(b"weights")
    folder.report.write_text("<p>report</p>")
    tracker.log({"loss": 1.0, "val/rmse": None}, step=10)
    tracker.log({"loss": 0.5, "val/rmse": math.nan}, step=20)
    tracker.table("parameters", ["layer", "count"], [["lstm", 5]])
    lines = {"truth": [1.0, math.nan], "forecast": [1.0, 2.0]}
    tracker.forecast_plot("test/forecast", [0, 1], lines, "minutes")
    tracker.page("report", folder.report)
    tracker.use_data("load", "a1b2", {"rows": 20})
    tracker.artifact(Artifact("load-lstm", "model", (folder.best,), {"rmse": 0.5}, "q", 0.5))
    tracker.summary({"test/rmse": 0.25, "baselines": {"persistence": {"test/rmse": math.nan}}})


def test_an_offline_run_reads_back_whole(folder, capsys):
    with start(folder, group="study", tags=["a"]) as tracker:
        report_everything(tracker, folder)
    (run,) = read_run(folder.path)
    assert (run["name"], run["group"], run["project"], run["tags"]) == ("lstm", "study", "tsforecast", ["a"])
    assert run["config"]["model"] == {"_target_": "some.model", "widths": [128, 64]}
    assert run["config"]["seed"] == 1
    assert run["exit_code"] == 0
    first, second = run["history"][:2]
    assert (first["_step"], first["loss"]) == (10, 1.0)
    assert "val/rmse" not in first
    assert (second["_step"], second["loss"]) == (20, 0.5)
    assert {key.split(".")[0] for row in run["history"][2:] for key in row} >= {
        "parameters",
        "test/forecast_table",
        "report",
    }
    assert run["summary"]["test/rmse"] == 0.25
    facts = {"rmse": 0.5, "question": "q", "score": 0.5}
    model = ("model", "load-lstm", ["model.keras"], facts, {"latest", run["id"]}, False)
    assert model in run["artifacts"]
    assert ("dataset", "load", ["load"], {"rows": 20}, {"latest"}, True) in run["artifacts"]
    assert "WANDB_DATA_DIR" not in os.environ
    shown = capsys.readouterr()
    assert shown.err == ""
    assert len(shown.out.splitlines()) == 1
    assert "W&B is offline (no key found): look at it with 'wandb leet " in shown.out
    assert "'wandb sync " in shown.out


def test_the_commit_is_recorded(folder):
    commit = git_commit()
    if commit is None:
        pytest.skip("the package is not in a git repository")
    with start(folder):
        pass
    assert read_run(folder.path)[0]["commit"].startswith(commit.removesuffix("+dirty"))


def test_artifacts_are_kept_in_the_folder(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with start(folder) as tracker:
        report_everything(tracker, folder)
    staged = [path.read_bytes() for path in (folder.path / "wandb/artifacts/staging").iterdir()]
    assert b"weights" in staged
    assert not list(tmp_path.glob("home/.local/share/wandb/**/*"))


@pytest.mark.parametrize(
    ("failure", "code"),
    [(KeyError("boom"), 1), (KeyboardInterrupt(), 1), (SystemExit(3), 1), (SystemExit(0), 0)],
    ids=repr,
)
def test_leaving_by_an_exception_marks_the_run(folder, failure, code, capsys):
    def job():
        with start(folder) as tracker:
            tracker.log({"loss": 1.0}, step=1)
            raise failure

    with pytest.raises(type(failure)):
        job()
    (run,) = read_run(folder.path)
    assert run["exit_code"] == code
    assert run["history"][0]["loss"] == 1.0
    assert capsys.readouterr().err == ""  # the traceback is the caller's to print


def test_a_resumed_run_keeps_its_id(folder):
    for step in (1, 2):
        with start(folder) as tracker:
            tracker.log({"loss": 1.0}, step=step)
    first, second = read_run(folder.path)
    assert first["id"] == second["id"] == (folder.path / "wandb_id").read_text()
    other = RunFolder.create(folder.path.parent / "other")
    with start(other):
        pass
    assert read_run(other.path)[0]["id"] != first["id"]


KILLED = """
import os, sys, time
from tsforecast.tracking import wandb_tracker
from tsforecast.tracking.run_folder import RunFolder

with wandb_tracker.start(config={"seed": 1}, folder=RunFolder.create(sys.argv[1]), name="lstm") as tracker:
    tracker.log({"loss": 1.0}, step=1)
    time.sleep(4)
    os.kill(os.getpid(), 9)
"""


@pytest.mark.slow
def test_a_killed_run_keeps_what_it_logged(folder):
    package = Path(wandb_tracker.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder.path)], cwd=package, check=False)
    assert done.returncode == -9
    (run,) = read_run(folder.path, seconds=0)
    assert run["exit_code"] is None
    assert run["config"]["seed"] == 1
    assert run["history"][0]["loss"] == 1.0


def test_without_wandb_the_run_goes_on(folder, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with start(folder) as tracker:
        report_everything(tracker, folder)
    assert "W&B cannot start" in capsys.readouterr().out


def test_disabled_by_the_environment_keeps_wandb_out(folder, monkeypatch, capsys):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    monkeypatch.setitem(sys.modules, "wandb", None)
    with start(folder) as tracker:
        report_everything(tracker, folder)
    assert "W&B is disabled" in capsys.readouterr().out
    assert not (folder.path / "wandb").exists()


def test_a_server_that_refuses_means_offline(folder, monkeypatch, capsys):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setattr(wandb_run, "is_reachable", lambda server: False)
    with start(folder) as tracker:
        tracker.log({"loss": 1.0}, step=1)
    shown = capsys.readouterr().out
    assert "cannot be reached" in shown
    assert len(shown.splitlines()) == 1
    assert read_run(folder.path)[0]["exit_code"] == 0


def test_an_online_start_that_fails_means_offline(folder, monkeypatch, capsys):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setattr(wandb_run, "is_reachable", lambda server: True)
    begin = wandb_run._init

    def init(mode, *arguments):
        if mode == "online":
            raise ConnectionError("the server said no\nand more")
        return begin(mode, *arguments)

    monkeypatch.setattr(wandb_run, "_init", init)
    with start(folder):
        pass
    assert "W&B is offline (the server said no): " in capsys.readouterr().out
    assert read_run(folder.path)[0]["exit_code"] == 0


def test_asked_offline_stays_offline_with_a_key(folder, monkeypatch, capsys):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    with start(folder, mode="offline"):
        pass
    assert "W&B is offline (as requested)" in capsys.readouterr().out


def test_wrong_modes_are_refused(folder):
    with (
        pytest.raises(UserError, match=r"tracker\.mode is 'ofline', .* Did you mean 'offline'\?"),
        start(folder, mode="ofline"),
    ):
        pass
    with pytest.raises(UserError, match="no W&B key was found"), start(folder, mode="online"):
        pass


class Account:
    api_key = None
    identity_token_file = None
    base_url = "https://wandb.example"


def test_a_key_is_found_wherever_it_lies(tmp_path, monkeypatch):
    assert not wandb_account.has_key(Account)
    (tmp_path / "netrc").write_text("machine wandb.example\n login user\n password secret\n")
    assert wandb_account.has_key(Account)
    (tmp_path / "netrc").write_text("machine other.example\n login user\n password secret\n")
    assert not wandb_account.has_key(Account)
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    assert wandb_account.has_key(Account)


def test_reachable_asks_the_port(monkeypatch):
    monkeypatch.setattr(wandb_account.urllib.request, "getproxies", dict)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert wandb_account.is_reachable(address)
    assert not wandb_account.is_reachable(address)


@pytest.mark.parametrize("choice", ["wandb", "none"])
def test_the_config_builds_a_tracker(choice, folder, monkeypatch, request):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    path = request.config.rootpath / "conf" / "tracker" / f"{choice}.yaml"
    assert path.read_text().startswith("# ")
    # A config inside the config must reach the tracker as it is, not be built.
    config = {"model": {"_target_": "no.such.thing"}}
    with instantiate(OmegaConf.load(path), config=config, folder=folder, name="x") as tracker:
        assert isinstance(tracker, NullTracker)


@pytest.mark.parametrize("tracker", [wandb_tracker.WandbTracker, null_tracker.NullTracker])
def test_a_tracker_takes_the_calls_of_the_protocol(tracker):
    public = {name for name in vars(tracker) if not name.startswith("_")} - {"finish", "define_metrics"}
    assert public == {name for name in vars(Tracker) if not name.startswith("_")}
    for name in public:
        taken, expected = (inspect.signature(getattr(owner, name)) for owner in (tracker, Tracker))
        assert list(taken.parameters) == list(expected.parameters)
