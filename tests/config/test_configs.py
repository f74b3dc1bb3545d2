"""Every YAML composes, passes the checks and builds; found by glob, so that a new one is tested unasked."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.utils import get_method
from omegaconf import OmegaConf

from tsforecast.config import check, checks, device_checks, instantiate, sweepers, training_checks
from tsforecast.config.schema import jobs_with
from tsforecast.config.stored import as_yaml, load
from tsforecast.installation import CONF

ROOT = CONF.parent
GROUPS = sorted(
    path.name for path in CONF.iterdir() if path.is_dir() and path.name not in ("hydra", "experiment")
)
CHOICES = {group: sorted(path.stem for path in (CONF / group).glob("*.yaml")) for group in GROUPS}
M4 = "V1," + ",".join(f"V{n}" for n in range(2, 182)) + "\n"
M4 += "".join(f"H{s}," + ",".join(str(s + (n % 24)) for n in range(180)) + "\n" for s in (1, 2))
EXPERIMENTS = sorted(path.stem for path in (ROOT / "experiments").glob("*.yaml"))


def every(*groups):
    """All choices of some groups, as ``group, choice``."""
    pairs = [(group, choice) for group in groups for choice in CHOICES[group]]
    return pytest.mark.parametrize(("group", "choice"), pairs, ids=[f"{g}={c}" for g, c in pairs])


@pytest.fixture(autouse=True, scope="module")
def hydra_started():
    GlobalHydra.instance().clear()
    sweepers.register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield


@pytest.fixture
def with_gpu(monkeypatch):
    """As on a machine that has what the device YAMLs name."""
    monkeypatch.setattr(device_checks.os.path, "exists", lambda path: True)


@pytest.fixture(autouse=True)
def with_weights(monkeypatch):
    """As on a machine with the weights of a foundation model, whose library is an extra."""
    monkeypatch.setattr(training_checks, "_check_weights", lambda config: None)


@pytest.fixture(scope="module")
def series_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "hourly.csv"
    time = np.datetime64("2016-07-01T00:00:00") + np.arange(15_000) * np.timedelta64(1, "h")
    value = np.sin(np.arange(15_000) / 24 * 2 * np.pi)
    lines = [f"{str(t).replace('T', ' ')},{v:.4f},{-v:.4f}" for t, v in zip(time, value, strict=True)]
    path.write_text("\n".join(["date,OT,HUFL", *lines]) + "\n")
    return path


def checked(*overrides):
    return check(compose("config", overrides=list(overrides)))


def needed(group, choice):
    """Options that the user has to set along with the choice."""
    if group == "data" and choice in ("csv", "ett"):
        return ["data.path=file.csv", "data.target=OT"]
    if group == "data" and choice == "m4":
        return ["data.train=m4.csv", "data.test=null", "window.lookback=40"]
    if group == "data" and choice == "sql":
        return ["data.connection=duckdb://", "data.query=\"FROM 'file.csv'\"", "data.target=OT"]
    if jobs_with(group):  # comes with its jobs
        return [f"job={jobs_with(group)[-1]}"]
    return ["model=patchtst"] if (group, choice) == ("training", "pretrain") else []


def test_the_groups_are_found():
    assert {"job", "data", "scale", "window", "model", "optimizer", "schedule", "loss"} <= set(GROUPS)
    assert len(CHOICES["model"]) >= 6


@every(*[group for group in GROUPS if group != "job"])
def test_every_choice_composes_and_passes_the_checks(group, choice, with_gpu):
    config = checked(f"{group}={choice}", *needed(group, choice))
    assert getattr(config, group) is not None


@every("job")
def test_every_job_exists(group, choice):
    cfg = compose("config", overrides=[f"job={choice}"])
    assert cfg.job.name == choice
    assert callable(get_method(cfg.job._target_))


@every("model")
def test_every_model_builds_and_forecasts(group, choice):
    from tsforecast.jobs import build, build_model
    from tsforecast.models.estimator import Estimator

    config = checked(f"model={choice}", "scale=tiny", "window.horizon=2")
    dataset = build.build_data(config)
    model = build_model.forecaster(config, dataset)
    if isinstance(model, Estimator):  # there is nothing to ask before it is fitted
        return
    output = model(dataset.windows("test").inputs(dataset.windows("test").ends[:3]))
    forecast = output["forecast"] if isinstance(output, dict) else output
    assert forecast.shape == (3, 2, 1)
    assert forecast.dtype == "float32"


@every("optimizer", "schedule", "loss")
def test_every_optimizer_schedule_and_loss_takes_a_step(group, choice):
    from tsforecast.jobs import build, build_model, build_training
    from tsforecast.planning.memory import optimizer_bytes

    config = checked(f"{group}={choice}", "model=nlinear", "scale=tiny", "training.accumulate_steps=2")
    dataset = build.build_data(config)
    model = build_model.forecaster(config, dataset)
    trainer = build_training.trainer(config, model, instantiate(config.loss), 10)
    held = sum(np.asarray(v).nbytes for v in trainer.optimizer.variables)
    counted = optimizer_bytes(instantiate(config.optimizer, gradient_accumulation_steps=2), model)
    assert counted == pytest.approx(held, abs=8)  # the trainer's learning rate is a function, not a variable
    windows = dataset.windows("train")
    before = [np.array(v) for v in trainer.trainable_variables]
    for _ in range(4):  # two updates; the first one of a warm-up has a rate of zero
        loss = trainer.train_on_batch(windows.inputs(windows.ends[:8]), windows.targets(windows.ends[:8]))
    assert np.isfinite(loss)
    moved = [np.abs(np.array(v) - b).max() for v, b in zip(trainer.trainable_variables, before, strict=True)]
    assert max(moved) > 0


@every("data")
def test_every_source_gives_windows(group, choice, series_file):
    from tsforecast.jobs import build

    (series_file.parent / "m4.csv").write_text(M4)
    given = [argument.replace("file.csv", str(series_file)) for argument in needed("data", choice)]
    given = [argument.replace("m4.csv", str(series_file.parent / "m4.csv")) for argument in given]
    dataset = build.build_data(checked(f"data={choice}", "scale=tiny", *given))
    for split in ("train", "val", "test"):
        windows = dataset.windows(split)
        assert len(windows) > 0
        assert np.isfinite(windows.inputs(windows.ends[:2])).all()


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_composes_and_its_sweep_expands(name):
    cfg = compose("config", overrides=[f"experiment={name}"], return_hydra_config=True)
    params = OmegaConf.to_container(cfg.hydra.sweeper.params or OmegaConf.create({}))
    parser = OverridesParser.create()
    sweeps = parser.parse_overrides([f"{key}={value}" for key, value in params.items()])
    config = checked(f"experiment={name}")
    assert sweeps or config.job.name in ("ensemble", "replay"), "a study compares something"
    for override in sweeps:
        for value in override.sweep_string_iterator():
            checked(f"experiment={name}", f"{override.get_key_element()}={value}")


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_says_how_it_is_run_and_what_it_found(name):
    header = (ROOT / "experiments" / f"{name}.yaml").read_text()
    for words in ("# Command:", "# Hardware:", "# Time:", "# Expected:"):
        assert words in header


@every(*GROUPS)
def test_every_yaml_has_its_line_of_help(group, choice):
    from tsforecast.config.cli import first_comment

    assert first_comment(CONF / group / f"{choice}.yaml")


def test_a_config_comes_back_from_its_file(tmp_path):
    config = checked("model=gru", "loss=quantile", "training.max_minutes=2.5", "scale=full")
    (tmp_path / "config.yaml").write_text(as_yaml(config))
    assert load(tmp_path / "config.yaml") == config


def command(*arguments):
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout


def test_help_lists_every_group_and_choice():
    shown = command("run.py", "--help")
    lines = [line.split() for line in shown.splitlines() if line.startswith("  ")]
    described = {words[0] for words in lines if len(words) > 1}
    for group in GROUPS:
        assert f"{group}=" in shown
        assert set(CHOICES[group]) <= described


def test_cfg_job_prints_the_config_and_runs_nothing(tmp_path):
    shown = command("run.py", "--cfg", "job", "model=gru", f"hydra.run.dir={tmp_path / 'run'}")
    printed = OmegaConf.create(shown)
    assert printed.model._target_.endswith("GRU")
    assert set(printed) >= {"job", "data", "model", "training", "seed"}
    assert not (tmp_path / "run").exists()


IMPORTS = """
import sys
from pathlib import Path
from hydra import compose, initialize_config_dir
from tsforecast.config import check, sweepers
from tsforecast.installation import CONF
from tsforecast.config.schema import jobs_with
from tsforecast.errors import UserError
from tsforecast.jobs import build, build_model, build_training
sweepers.register()
with initialize_config_dir(str(CONF), version_base="1.3"):
    for model in sorted((CONF / "model").glob("*.yaml")):
        try:
            config = check(compose("config", overrides=[f"model={model.stem}", "scale=tiny"]))
        except UserError as error:  # its library is an extra
            assert "EXTRAS=" in str(error), error
build.build_data(config)
heavy = {"tensorflow", "keras", "jax", "torch", "wandb", "optuna", "lightgbm"} & set(sys.modules)
print(" ".join(sorted(heavy)) or "none")
"""


def test_checking_and_loading_import_no_framework():
    assert command("-c", IMPORTS).strip() == "none"


def test_config_imports_nothing_heavy_even_lazily():
    """Nothing under config/ may name a framework at all: a refusal must come before its seconds."""
    for path in Path(checks.__file__).parent.glob("*.py"):
        text = path.read_text()
        assert "import keras" not in text
        assert "import tensorflow" not in text
