"""Commands that look at a run as it was trained take its config from its folder."""

import dataclasses
from types import SimpleNamespace

import pytest
import yaml

from tests.helpers.compose import compose
from tests.helpers.planning_config import config
from tsforecast.config.earlier_runs import champion_config, config_of_folder
from tsforecast.config.stored import as_dict, load
from tsforecast.errors import UserError

M4 = "tsforecast.data.sources.m4.load"


@pytest.fixture
def run(tmp_path):
    """A run that was trained with two threads."""
    trained = config("job=plan")
    trained = dataclasses.replace(trained, device=dataclasses.replace(trained.device, threads=2))
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(as_dict(trained)))
    return tmp_path


def command(job, run):
    base = config("job=plan")
    return dataclasses.replace(base, job=dataclasses.replace(base.job, name=job), run=str(run))


@pytest.mark.parametrize("job", ["evaluate", "promote"])
def test_the_device_is_that_of_the_run_unless_the_command_names_one(run, job):
    assert config_of_folder(command(job, run), [f"job={job}", f"run={run}"]).device.threads == 2
    named = config_of_folder(command(job, run), [f"job={job}", f"run={run}", "device=cpu"])
    assert named.device.threads == command(job, run).device.threads != 2


def test_what_the_folder_decides_is_refused(run):
    with pytest.raises(UserError, match=r"config in that folder: leave out window\.lead=5, or start"):
        config_of_folder(
            command("evaluate", run), ["job=evaluate", f"run={run}", "device=cpu", "window.lead=5"]
        )


@pytest.mark.parametrize(
    ("rows", "data", "expected"),
    [
        (None, {}, {}),  # such as M4's, which are always read whole
        (None, {"rows": 500}, {"rows": None}),
        (700, {"rows": 500}, {"rows": 700}),
    ],
)
def test_the_champions_source_is_asked_for_rows_only_if_it_takes_them(run, tmp_path, rows, data, expected):
    trained = dataclasses.replace(load(run / "config.yaml"), data={"_target_": M4, **data})
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(as_dict(trained)))
    base = compose("job=retrain", *([] if rows is None else [f"retrain.rows={rows}"]))
    champion = SimpleNamespace(name="v0001", config=tmp_path / "config.yaml")
    found = champion_config(base, champion).data
    assert {key: value for key, value in found.items() if key == "rows"} == expected
