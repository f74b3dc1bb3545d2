"""What goes wrong around the real W&B client: its server ends, its server stalls, its disk is full."""

import os
import shutil
import subprocess
import sys
import threading
import time

import pytest

from tests.helpers.wandb_log import read_run
from tests.helpers.wandb_server import KEY, WandbServer
from tsforecast.installation import CONF

# A run that reports, does what the test asks for in the middle, reports on, and ends.
RUN = """
import functools, sys, time
from pathlib import Path
from tsforecast.tracking import wandb_run, wandb_tracker
from tsforecast.tracking.background import Limits, start_trackers
from tsforecast.tracking.run_folder import RunFolder

wandb_run.FINISH_SECONDS = float(sys.argv[2])
folder = RunFolder.create(sys.argv[1])
start = functools.partial(wandb_tracker.start, config={"seed": 1}, folder=folder, name="run")
longest = 0.0
with start_trackers({"wandb": start}, Limits(finish=2 * wandb_run.FINISH_SECONDS)) as tracker:
    tracker.log({"loss": 1.0}, step=1)
    print("ready", flush=True)
    sys.stdin.readline()
    for step in range(2, 200):
        began = time.monotonic()
        tracker.log({"loss": 1.0 / step, "text": "x" * int(sys.argv[3])}, step=step)
        longest = max(longest, time.monotonic() - began)
    ended = time.monotonic()
print("longest call", longest, "end", time.monotonic() - ended, flush=True)
"""


class Run:
    """The run in a process of its own."""

    def __init__(self, folder, environment, finish=3.0, characters=1, command=()):
        kept = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}
        script = [*command, sys.executable, "-c", RUN, str(folder), str(finish), str(characters)]
        self.process = subprocess.Popen(
            script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=kept | environment, cwd=CONF.parent,
        )  # fmt: skip
        self.lines = []
        while "ready" not in "".join(self.lines[-1:]):
            self.lines.append(self.process.stdout.readline())
            assert self.lines[-1], "".join(self.lines)

    def end(self):
        """Let it go on; returns its exit code, its output, its longest call, and the seconds until it had ended."""
        began = time.monotonic()
        rest, _ = self.process.communicate("go\n", timeout=100)
        seconds, text = time.monotonic() - began, "".join(self.lines) + rest
        longest = float(text.split("longest call ")[1].split()[0])
        return self.process.returncode, text, longest, seconds


def account(server, tmp_path):
    folders = {f"WANDB_{name}_DIR": str(tmp_path) for name in ("CACHE", "CONFIG")}
    return {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": KEY, **folders}


@pytest.mark.slow
def test_a_server_that_ends_during_a_run_costs_seconds_at_its_end_only(tmp_path):
    with WandbServer() as server:
        run = Run(tmp_path / "run", account(server, tmp_path))
        server.close()
        code, text, longest, seconds = run.end()
    assert code == 0, text
    assert longest < 0.5
    assert seconds < 30
    assert (tmp_path / "run" / "wandb_id").is_file()
    (log,) = (tmp_path / "run").glob("wandb/run-*/run-*.wandb")
    assert log.stat().st_size > 10_000  # for `wandb sync`


@pytest.mark.slow
def test_a_stalled_server_delays_no_call_and_loses_nothing(tmp_path):
    with WandbServer() as server:
        run = Run(tmp_path / "run", account(server, tmp_path), finish=45.0)
        server.delay = 30.0
        threading.Timer(2.0, setattr, (server, "delay", 0.0)).start()  # what came before still waits
        code, text, longest, seconds = run.end()
        (tracked,) = server.runs.values()
    assert code == 0, text
    assert longest < 0.5
    assert [row["_step"] for row in tracked["history"]] == list(range(1, 200))
    assert seconds < 60


@pytest.mark.slow
def test_a_full_disk_under_the_files_of_wandb_ends_nothing_but_the_tracking(tmp_path):
    """A file system of 512 KiB is mounted where W&B writes, in a namespace of the test's own."""
    namespace = ["unshare", "--user", "--map-root-user", "--mount"]
    probe = ["mount", "-t", "tmpfs", "tmpfs", str(tmp_path)]
    if not shutil.which("unshare") or subprocess.run([*namespace, *probe], capture_output=True).returncode:
        pytest.skip("user namespaces are not allowed here")
    folder = tmp_path / "run"
    (folder / "wandb").mkdir(parents=True)
    mount = f'mount -t tmpfs -o size=512k tmpfs "{folder}/wandb" && exec "$@"'
    environment = {"WANDB_MODE": "offline", "TMPDIR": str(tmp_path)}
    run = Run(folder, environment, characters=20_000, command=[*namespace, "sh", "-c", mount, "sh"])
    code, text, longest, seconds = run.end()
    assert code == 0, text
    assert longest < 0.5
    assert seconds < 45


def test_offline_files_of_an_ended_run_are_whole(tmp_path):
    run = Run(tmp_path / "run", {"WANDB_MODE": "offline"})
    code, text, _, _ = run.end()
    assert code == 0, text
    (tracked,) = read_run(tmp_path / "run")
    assert len(tracked["history"]) == 199
