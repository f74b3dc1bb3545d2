"""The wheel, installed outside the repository, trains, predicts and serves, with a model of another package."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile

import numpy as np
import pytest

from tests.helpers.wheel import ROOT, build_wheel, environment, install

pytestmark = pytest.mark.slow

PLUGIN = '''
"""A model of another package: persistence with a trainable offset."""

from typing import Annotated

import keras

from tsforecast.layers.anchor import Anchor
from tsforecast.layers.linear import TargetHistory, TimeLinear
from tsforecast.models.forecaster import Forecaster
from tsforecast.models.task import Task
from tsforecast.options import Range


@keras.saving.register_keras_serializable(package="plant")
class Offset(Forecaster):
    """A linear map of the history, added to the last value."""

    def __init__(self, task: Task, scale: Annotated[float, Range(0, 10)] = 1.0):
        past = task.input_tensor()
        change = TimeLinear(task.horizon, task.quantile_levels, name="map")(TargetHistory(task.target_indices)(past))
        forecast = Anchor(task.target_indices)(change * scale, past)
        super().__init__(task=task, past=past, forecast=forecast, options={"scale": scale})
'''
METADATA = "Metadata-Version: 2.1\nName: plant-models\nVersion: 1.0\n"
ENTRY_POINTS = "[tsforecast.models]\noffset = plant_models.offset:Offset\n"
CHAIN = """
import itertools, sys
from tsforecast.command import main
for is_end, words in itertools.groupby(sys.argv[1:], lambda word: word == "--"):
    if not is_end:
        sys.argv[1:] = list(words)
        code = main()
        if code:
            sys.exit(code)
"""
TRAIN = ["data=csv", "data.path=rows.csv", "data.target=load", "training=quick", "tracker=none", "device=cpu"]
TRAIN += [
    "window.lookback=20",
    "training.warmup_steps=5",
    "training.max_steps=4",
    "training.steps_per_epoch=2",
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A folder outside the repository, with rows and a user's own folder of YAML files."""
    folder = tmp_path_factory.mktemp("elsewhere")
    hours = np.arange("2024-01-01T00", "2024-01-31T00", dtype="datetime64[h]")
    values = np.sin(np.arange(len(hours)) * 2 * np.pi / 24) + np.random.default_rng(0).normal(
        0, 0.1, len(hours)
    )
    rows = [f"{hour},{value:.3f}" for hour, value in zip(hours, values, strict=True)]
    (folder / "rows.csv").write_text("\n".join(["time,load", *rows]) + "\n")
    (folder / "own/model").mkdir(parents=True)
    own = "# The offset model, halved\n_target_: plant_models.offset.Offset\nscale: 0.5\n"
    (folder / "own/model/half.yaml").write_text(own)
    return folder


@pytest.fixture(scope="module")
def process_environment(wheel, tmp_path_factory):
    """Only the installed wheel and the other package; the repository is not on the path."""
    site, plugin = install(wheel, tmp_path_factory.mktemp("site")), tmp_path_factory.mktemp("plugin")
    (plugin / "plant_models").mkdir()
    (plugin / "plant_models/__init__.py").write_text("")
    (plugin / "plant_models/offset.py").write_text(PLUGIN)
    (plugin / "plant_models-1.0.dist-info").mkdir()
    (plugin / "plant_models-1.0.dist-info/METADATA").write_text(METADATA)
    (plugin / "plant_models-1.0.dist-info/entry_points.txt").write_text(ENTRY_POINTS)
    return environment(site, plugin), site


@pytest.fixture(scope="module")
def chain(here, process_environment):
    """A training, one with a model of another package, a forecast and a promotion, in one process."""
    commands = ["model=dlinear", *TRAIN, "hydra.run.dir=outputs/dlinear"]
    commands += ["--", "--config-dir", "own", "model=half", *TRAIN, "hydra.run.dir=outputs/half"]
    commands += ["--", "job=predict", "run=outputs/dlinear", "predict.data=rows.csv", "predict.out=out.csv"]
    commands += ["--", "job=promote", "run=outputs/half"]
    return subprocess.run(
        [sys.executable, "-c", CHAIN, *commands],
        cwd=here, env=process_environment[0], capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def test_the_wheel_has_every_file_of_the_config(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    files = {f"tsforecast/conf/{path.relative_to(ROOT / 'conf')}" for path in (ROOT / "conf").rglob("*.yaml")}
    studies = {f"tsforecast/conf/experiment/{path.name}" for path in (ROOT / "experiments").glob("*.yaml")}
    assert len(files) > 90
    assert len(studies) > 10
    assert files | studies <= names
    assert "tsforecast/py.typed" in names
    data = [path for path in (ROOT / "tsforecast").rglob("*.*") if path.suffix not in (".py", ".pyc")]
    assert len(data) > 15
    assert {str(path.relative_to(ROOT)) for path in data} <= names


def test_train_and_predict_outside_the_repository(chain, here):
    assert chain.returncode == 0, chain.stderr
    for name in ("dlinear", "half"):
        result = json.loads((here / f"outputs/{name}/result.json").read_text())
        assert result["status"] == "done"
        assert not result.get("commit")  # the repository around a test says nothing about installed code
    assert (here / "outputs/half/report.html").is_file()
    forecasts = (here / "out.csv").read_text().splitlines()
    assert len(forecasts) == 1 + 720 - 20 + 1  # one at every row with enough rows before it


def test_models_of_another_package_have_their_options(chain, here, process_environment):
    assert "scale: 0.5" in (here / "outputs/half/config.yaml").read_text()
    command = [sys.executable, "-m", "tsforecast", "model=offset", "--cfg", "job", "--package", "model"]
    done = subprocess.run(command, cwd=here, env=process_environment[0], capture_output=True, text=True)
    assert done.stdout.splitlines() == [
        "# @package model",
        "_target_: plant_models.offset.Offset",
        "scale: 1.0",
    ]


def test_the_console_command_serves_a_model_of_another_package(chain, here, process_environment):
    env, site = process_environment
    command = [sys.executable, str(site / "bin/tsforecast"), "job=serve", "serve.port=0", "device=cpu"]
    process = subprocess.Popen(command, cwd=here, env=env, stdout=subprocess.PIPE, text=True)
    try:
        url = process.stdout.readline().split()[0].rstrip("/")
        end, ready = time.monotonic() + 60, False
        while not ready and time.monotonic() < end and process.poll() is None:
            try:
                ready = urllib.request.urlopen(f"{url}/readyz").status == 200
            except urllib.error.HTTPError:
                time.sleep(0.1)
        assert ready
        assert b"offset" in urllib.request.urlopen(f"{url}/v1/models").read()
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def test_a_mistake_names_the_installed_command(here, process_environment):
    env, site = process_environment
    command = [sys.executable, str(site / "bin/tsforecast"), "modell=gru"]
    done = subprocess.run(command, cwd=here, env=env, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "`tsforecast --cfg job`" in done.stderr or "Did you mean 'model'" in done.stderr
