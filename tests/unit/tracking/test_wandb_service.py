"""A service of W&B that has ended is replaced, by runs and by the check of the account."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TWO_RUNS = """
import os, signal, sys, time
from pathlib import Path
from tsforecast.tracking.run_folder import RunFolder
from tsforecast.tracking.wandb_run import open_run

def services():
    commands = {path.parent.name: path.read_bytes().split(b"\\0") for path in Path("/proc").glob("[0-9]*/cmdline")}
    own = str(os.getpid()).encode()
    return [int(pid) for pid, words in commands.items() if words[0].endswith(b"wandb-core") and own in words]

folder = Path(sys.argv[1])
open_run("offline", RunFolder(folder / "first")).finish()
(service,) = services()
os.kill(service, signal.SIGKILL)
while service in services():
    time.sleep(0.05)
open_run("offline", RunFolder(folder / "second")).finish()
"""
ONE_RUN = """
import sys
from pathlib import Path
from tsforecast.tracking.run_folder import RunFolder
from tsforecast.tracking.wandb_run import open_run

open_run("offline", RunFolder(Path(sys.argv[1]) / "second")).finish()
"""
FIND_KEY = """
from tsforecast.tracking.wandb_account import find_key

assert not find_key()
"""


def run(code, folder, **environment):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        check=True,
        cwd=ROOT,
        env={**kept, **environment},
        timeout=120,
    )
    return list((folder / "second" / "wandb").glob("offline-run-*/*.wandb"))


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the service in /proc")
def test_a_run_opens_after_the_service_of_an_earlier_one_was_killed(tmp_path):
    assert len(run(TWO_RUNS, tmp_path)) == 1


def test_a_run_opens_if_the_address_of_a_service_that_ended_was_inherited(tmp_path):
    assert len(run(ONE_RUN, tmp_path, WANDB_SERVICE=f"3-{os.getpid()}-unix-{tmp_path}/socket")) == 1


def test_the_account_is_read_if_the_address_of_a_service_that_ended_was_inherited(tmp_path):
    run(FIND_KEY, tmp_path, WANDB_SERVICE=f"3-{os.getpid()}-unix-{tmp_path}/socket")
