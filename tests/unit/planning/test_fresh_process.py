"""Measurements in a new process."""

import os

import pytest

from tsforecast.errors import UserError
from tsforecast.planning import fresh_process
from tsforecast.planning.fresh_process import run_in_fresh_process

SCRIPT = """
import json, os, sys
source, target, *arguments = sys.argv[1:]
if "fail" in arguments:
    sys.exit("first line\\nthe reason")
json.dump([open(source).read(), arguments, os.environ["MEASURED"], os.getpid()], open(target, "w"))
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "measured_module.py").write_text(SCRIPT)
    monkeypatch.setattr(fresh_process, "IMPORT_ROOT", tmp_path)
    return "measured_module"


def test_the_process_gets_config_arguments_and_environment(module):
    config, arguments, variable, process = run_in_fresh_process(
        module, "seed: 1\n", ["time", "32"], what="It", environment={"MEASURED": "yes"}
    )
    assert (config, arguments, variable) == ("seed: 1\n", ["time", "32"], "yes")
    assert process != os.getpid()


def test_a_failure_is_reported_with_its_last_line(module):
    with pytest.raises(UserError, match="It could not be measured: the reason"):
        run_in_fresh_process(module, "", ["fail"], what="It")


def test_relative_paths_are_those_of_the_caller(module, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "here/rows.csv").write_text("time,load\n")
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "measured_module.py").write_text(
        "import json, sys; json.dump(open('rows.csv').read(), open(sys.argv[2], 'w'))"
    )
    assert run_in_fresh_process(module, "", what="It") == "time,load\n"
