"""The W&B tracker with the real client against a server on loopback."""

import dataclasses
import os
from pathlib import Path

import pytest

from tests.helpers.wandb_server import KEY, WandbServer
from tsforecast.tracking import wandb_tracker
from tsforecast.tracking.artifacts import Artifact
from tsforecast.tracking.run_folder import RunFolder


@pytest.fixture(scope="module")
def server():
    with WandbServer() as server:
        yield server


@pytest.fixture(autouse=True)
def account(server, monkeypatch, tmp_path):
    import wandb

    wandb.teardown()  # settings are read once per process
    os.environ.pop(
        "WANDB_SERVICE", None
    )  # not by monkeypatch, which would put back the address of a dead process
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    settings = {"BASE_URL": server.url, "API_KEY": KEY, "CACHE_DIR": tmp_path, "CONFIG_DIR": tmp_path}
    for name, value in settings.items():
        monkeypatch.setenv(f"WANDB_{name}", str(value))
    yield
    wandb.teardown()


def start(path, job="train", **arguments):
    config = {"model": {"_target_": "some.model", "units": 64}, "seed": 1, "job": {"name": job}}
    folder = RunFolder.create(path)
    return wandb_tracker.start(config=config, folder=folder, name=path.name, **arguments)


def model(path: Path, score=None, **options):
    path.mkdir(exist_ok=True)
    (path / "best.keras").write_text(f"weights {score}")
    return Artifact("load-lstm", "model", (path / "best.keras",), score=score, question="q", **options)


def only_run(server, path):
    return server.runs[(path / "wandb_id").read_text()]


def test_the_summary_is_that_of_the_model_that_is_kept(server, tmp_path, capfd):
    with start(tmp_path / "run", group="study") as tracker:
        for step, value in enumerate((3.0, 1.0, 2.0)):
            row = {"step": step, "epoch": step, "seconds": 1.0, "windows": 32 * step}
            tracker.log({**row, "val/rmse": value, "loss": value}, step=step)
        tracker.summary({"val/rmse": 1.25, "test/rmse": 1.5, "best_step": 1, "skill": {"persistence": 0.2}})
    run = only_run(server, tmp_path / "run")
    assert [row["val/rmse"] for row in run["history"]] == [3.0, 1.0, 2.0]
    assert (run["summary"]["val/rmse"], run["summary"]["test/rmse"]) == (1.25, 1.5)
    assert run["summary"]["best_step"] == 1
    assert run["summary"]["loss"] == {"min": 1.0}
    assert (run["job_type"], run["group"], run["project"]) == ("train", "study", "tsforecast")
    assert (run["complete"], run["exit_code"]) == (True, 0)
    defined = {m.get("1") or m["2"]: m for m in run["config"]["_wandb"]["m"]}
    assert {"val/*", "loss", "step", "epoch", "windows", "seconds"} <= set(defined)
    shown = capfd.readouterr()
    assert f"W&B is online: {server.url}/team/tsforecast/runs/" in shown.out
    assert shown.err == ""


def test_an_interrupted_run_shows_the_lowest_validation_error(server, tmp_path):
    def interrupted():
        with start(tmp_path / "run") as tracker:
            for step, value in enumerate((3.0, 1.0, 2.0)):
                tracker.log({"step": step, "val/rmse": value}, step=step)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    run = only_run(server, tmp_path / "run")
    assert run["summary"]["val/rmse"] == {"min": 1.0}
    assert run["exit_code"] == 1


def test_versions_share_a_name_and_the_best_is_marked_by_validation(server, tmp_path):
    for name, score in (("first", 0.5), ("better", 0.4), ("worse", 0.6)):
        with start(tmp_path / name) as tracker:
            tracker.artifact(model(tmp_path / name, score))
            tracker.use_data("load", "a1b2", {"rows": 20})
    versions = {
        version["metadata"]["score"]: version
        for version in server.artifacts
        if version["collection"] == "load-lstm"
    }
    ids = {name: (tmp_path / name / "wandb_id").read_text() for name in ("first", "better", "worse")}
    assert versions[0.5]["aliases"] == [ids["first"]]
    assert set(versions[0.4]["aliases"]) == {ids["better"], "best"}
    assert set(versions[0.6]["aliases"]) == {ids["worse"], "latest"}
    assert versions[0.4]["files"] == {"model.keras": b"weights 0.4"}
    (data,) = [version for version in server.artifacts if version["collection"] == "load"]
    assert data["files"] == {"load": "tsforecast://a1b2"}
    assert {(run, data["id"]) for run in ids.values()} <= set(server.uses)


def test_a_champion_is_the_version_of_its_run_and_is_linked(server, tmp_path):
    with start(tmp_path / "run") as tracker:
        tracker.artifact(model(tmp_path / "run", 0.3))
    with start(tmp_path / "promote", job="promote", registry="wandb-registry-model") as tracker:
        tracker.artifact(model(tmp_path / "promote", 0.3, champion="v0007"))
    (version,) = [v for v in server.artifacts if v["metadata"].get("score") == 0.3]
    assert {"champion", "v0007"} <= set(version["aliases"])
    link = ("wandb-registry-model", "load-lstm", ["champion", "v0007"], version["id"])
    assert link in server.links
    assert only_run(server, tmp_path / "promote")["job_type"] == "promote"


def test_a_champion_of_another_model_takes_the_alias_from_the_earlier_one(server, tmp_path, capfd):
    registry = "wandb-registry-model"

    def promote(name, version, replaces=None):
        champion = model(tmp_path / version, float(version[1:]), champion=version, replaces=replaces)
        with start(tmp_path / version, job="promote", registry=registry) as tracker:
            tracker.artifact(dataclasses.replace(champion, name=name))

    def champions():
        versions = {
            v["collection"]: v["metadata"]["score"] for v in server.artifacts if "champion" in v["aliases"]
        }
        linked = {link[1] for link in server.links if link[0] == registry and "champion" in link[2]}
        return {name: versions.get(name) for name in ("wind-gru", "wind-tft")}, linked & {
            "wind-gru",
            "wind-tft",
        }

    promote("wind-gru", "v0101")
    assert champions() == ({"wind-gru": 101.0, "wind-tft": None}, {"wind-gru"})
    promote("wind-tft", "v0102", replaces="wind-gru")
    assert champions() == ({"wind-gru": None, "wind-tft": 102.0}, {"wind-tft"})
    (earlier,) = [v for v in server.artifacts if v["collection"] == "wind-gru"]
    assert "v0101" in earlier["aliases"]
    promote("wind-tft", "v0103", replaces="unknown")  # was never logged
    assert champions()[0] == {"wind-gru": None, "wind-tft": 103.0}
    server.refused.add("DeleteAliases")
    promote("wind-gru", "v0104", replaces="wind-tft")
    server.refused.clear()
    assert champions()[0] == {"wind-gru": 104.0, "wind-tft": 103.0}
    assert only_run(server, tmp_path / "v0104")["exit_code"] == 0
    assert "team/tsforecast/wind-tft keeps the alias champion (" in capfd.readouterr().out


def test_alerts_arrive(server, tmp_path):
    with start(tmp_path / "run", job="retrain") as tracker:
        tracker.alert("Retraining refused", "the challenger is worse.")
    run = (tmp_path / "run" / "wandb_id").read_text()
    expected = {
        "run": run,
        "title": "Retraining refused",
        "text": "the challenger is worse.",
        "severity": "WARN",
    }
    assert expected in server.alerts


# W&B does not close the file with the parameters.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore:unclosed file")
def test_in_a_sweep_the_run_keeps_the_id_and_the_settings_of_the_model(server, tmp_path, monkeypatch):
    parameters = tmp_path / "config.yaml"
    parameters.write_text("wandb_version: 1\nmodel:\n  value: some\n")
    for name, value in {
        "SWEEP_ID": "sweep",
        "RUN_ID": "given-by-agent",
        "SWEEP_PARAM_PATH": parameters,
    }.items():
        monkeypatch.setenv(f"WANDB_{name}", str(value))
    with start(tmp_path / "run"):
        pass
    assert (tmp_path / "run" / "wandb_id").read_text() == "given-by-agent"
    config = server.runs["given-by-agent"]["config"]
    assert (config["model"], config["model.units"], config["seed"]) == ("some", 64, 1)
    for name in ("SWEEP_ID", "RUN_ID", "SWEEP_PARAM_PATH"):
        monkeypatch.delenv(f"WANDB_{name}")
    import wandb

    wandb.teardown()
    with start(tmp_path / "run") as tracker:  # resumed by hand
        tracker.log({"loss": 1.0}, step=1)
    assert server.runs["given-by-agent"]["history"][0]["loss"] == 1.0


def test_nothing_was_asked_that_the_server_does_not_know(server):
    names = {name for name, _ in server.unknown}
    assert names <= {"OrganizationCoreWeaveOrganizationID", "POST"}  # telemetry of W&B's own
