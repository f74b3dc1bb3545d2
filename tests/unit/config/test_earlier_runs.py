"""Commands that look at a run as it was trained take its config from its folder."""

import dataclasses

import pytest
import yaml

from tests.helpers.planning_config import config
from tsforecast.config.earlier_runs import config_of_folder
from tsforecast.config.stored import as_dict
from tsforecast.errors import UserError


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
