"""Several devices give the single run's loss curve: two logical CPUs in a process, and two processes on loopback."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
RUN = Path(__file__).parents[1] / "helpers" / "strategy_run.py"


def started(strategy, folder, **environment):
    command = [sys.executable, str(RUN), strategy, str(folder)]
    return subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def finished(process):
    output, _ = process.communicate(timeout=900)
    assert process.returncode == 0, output[-3000:]
    return output


def curve(folder):
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [row["loss"] for row in rows], [row["val/loss"] for row in rows]


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    folder = tmp_path_factory.mktemp("strategies") / "single"
    finished(started("single", folder))
    return curve(folder)


def same(found, expected):
    for values, wanted in zip(found, expected, strict=True):
        assert len(values) == len(wanted) == 2
        assert values == pytest.approx(wanted, rel=1e-4)


def test_two_mirrored_devices_give_the_single_run_though_interrupted_in_mid_epoch(single, tmp_path):
    output = finished(started("mirrored", tmp_path / "mirrored"))
    assert "Resumed at step 5." in output
    same(curve(tmp_path / "mirrored"), single)


def test_two_workers_give_the_single_run(single, tmp_path):
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    folder = tmp_path / "workers"
    workers = [
        started(
            "multi_worker",
            folder,
            TF_CONFIG=json.dumps(
                {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            ),
        )
        for index in range(2)
    ]
    try:
        for process in workers:
            finished(process)
    finally:
        for process in workers:
            process.kill()
    same(curve(folder), single)
    same(curve(folder / "worker_1"), single)


def free_ports(count):
    """Ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
