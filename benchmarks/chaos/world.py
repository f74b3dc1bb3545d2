"""A registry, a service and its clients, all temporary."""

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.chaos.disk import choose_disk
from benchmarks.chaos.ledger import Ledger
from benchmarks.chaos.traffic import Client, Traffic
from tsforecast.registry import Registry

ROOT = Path(__file__).parents[2]
KNOWN_ROWS, LOOKBACK, LEAD = 6000, 20, 10
BACKLOG = 2000  # rows that are sent at once in the beginning, so that the first retraining has new ones
READY_SECONDS = 120
TINY = ["model=nlinear", "training.max_steps=2", "training.steps_per_epoch=2", "optimizer.learning_rate=0.03"]
TINY += [
    "training.supervision=last",
    "scale=tiny",
    "tracker=none",
    "device=cpu",
    f"window.lookback={LOOKBACK}",
    f"window.lead={LEAD}",
]
RETRAIN = [
    "retrain.train_days=2",
    "retrain.val_days=0.5",
    "retrain.held_out_days=0.5",
    "retrain.max_steps=60",
]
RETRAIN += ["retrain.learning_rate=1e-3", "retrain.latency_ms=60000", "device=cpu"]


class World:
    """Everything that a chaos run has.

    Args:
        folder: Temporary folder.
        seed: Seed of all choices.
        rate: Requests per second.
    """

    def __init__(self, folder, seed, rate):
        self.folder, self.random = folder, random.Random(seed)
        self._processes = []
        (folder / "registry").mkdir()
        self.disk = choose_disk(folder / "registry")
        self.registry = Registry(folder / "registry")
        self.clock = folder / "clock"
        self.set_clock(0)
        self.ledger, self.rows = Ledger(), load_rows()
        self.port, self.service, self.lives = free_port(), None, []
        self.client = Client(self.port)
        self.traffic = Traffic(
            self.client,
            self.ledger,
            self.rows,
            first=KNOWN_ROWS,
            lookback=LOOKBACK,
            rate=rate,
            seed=seed,
        )

    @property
    def journal(self):
        """File of the journal."""
        return self.registry.path / "live" / "journal.db"

    def set_clock(self, seconds):
        """Let the clocks of service and retraining be wrong."""
        part = self.clock.with_suffix(".part")
        part.write_text(str(seconds))
        os.replace(part, self.clock)

    def start(self, *options):
        """Start a command in the background."""
        command = [sys.executable, "-m", "benchmarks.chaos.process", str(self.clock), *options]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "-1"}
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=self.disk.before_start,
        )
        self._processes = [item for item in self._processes if item.poll() is None] + [process]
        return process

    def run(self, *options):
        """Run a command; return its last lines, and fail if it fails."""
        process = self.start(*options)
        return finish(process)

    def prepare(self):
        """Train a model that further training improves, and register it twice, as two versions."""
        times, values, features = self.rows
        columns = dict(zip(features, values[:KNOWN_ROWS].T, strict=True))
        pq.write_table(pa.table({"time": times[:KNOWN_ROWS], **columns}), self.folder / "rows.parquet")
        data = ["data=csv", f"data.path={self.folder}/rows.parquet", f"data.target={features[0]}"]
        self.run(*TINY, *data, "hydra.run.dir=run")
        first = self.command("job=promote", "run=run")
        assert "is the champion" in first, first
        champion = self.registry.champion()
        more = {name: (champion.path / name).read_bytes() for name in champion.manifest["files"]}
        for name in ("model.keras", "config.yaml", "result.json"):
            del more[name]
        config = champion.config.read_text() + "# once more\n"
        self.registry.add(
            champion.model, config=config, result=champion.result(), lineage={"run": "copy"}, extra=more
        )

    def command(self, *options):
        """Run a job with the registry."""
        return self.run(*options, f"registry.path={self.registry.path}")

    def start_retraining(self):
        """Start to retrain with the rows that the service received."""
        options = [f"registry.path={self.registry.path}", f"retrain.journal={self.journal}"]
        return self.start("job=retrain", *options, *RETRAIN)

    def start_service(self):
        """Start the service, again if it ends, and wait until it is ready."""
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            if self.service is None or self.service.process.poll() is not None:
                self.service = ServiceProcess(self)
                self.lives.append(self.service)
            status, _ = self.client.send("/readyz")
            if status == "200":
                self.service.is_ready()
                return
            time.sleep(0.2)
        raise AssertionError(f"The service was not ready within {READY_SECONDS} s: {self.service.output()}")

    def kill_service(self):
        """Kill the service as ``kill -9`` does."""
        self.service.process.kill()
        self.service.process.wait()

    @contextmanager
    def restarting(self):
        """Kill the service, run the block, and start it again."""
        with self.ledger.excuse("restart"):
            self.kill_service()
            yield
            self.start_service()

    def serving(self):
        """Return the version in service and why the newest champion is not."""
        status, content = self.client.send("/v1/models")
        if status != "200":
            return None, status
        models = json.loads(content)
        return models["serving"], models["trouble"]

    def wait_until(self, condition, seconds, sentence):
        """Wait for something to happen; an AssertionError if it does not."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, sentence
            time.sleep(0.1)

    def wait_for_champion(self, seconds=60):
        """Wait until the champion of the registry is in service."""
        name = self.registry.champion_name()
        self.wait_until(
            lambda: self.serving()[0] == name, seconds, f"{name} was not in service after {seconds} s."
        )
        return name

    def stop(self):
        """End the service as SIGTERM does."""
        with suppress(ProcessLookupError):
            self.service.process.send_signal(signal.SIGTERM)
        return self.service.process.wait(30)

    def close(self):
        """End what still runs, and give the disk back."""
        for process in self._processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        self.disk.close()


class ServiceProcess:
    """One life of the service, and its memory."""

    def __init__(self, world):
        options = [f"registry.path={world.registry.path}", f"serve.port={world.port}", "device=cpu"]
        self.process = world.start("job=serve", "serve.poll_seconds=0.5", *options)
        self.began, self.first_mb, self.last_mb, self.most_mb, self.ended = None, None, 0.0, 0.0, None
        self._lines = []
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._read, self._sample)]
        for thread in self._threads:
            thread.start()

    def is_ready(self):
        """Note that it is ready."""
        self.began = self.began or time.monotonic()

    def output(self):
        """Return the last lines that it printed."""
        return " ".join(self._lines[-5:])

    def summary(self):
        """Return seconds and memory of this life."""
        seconds = 0 if self.began is None else (self.ended or time.monotonic()) - self.began
        return {
            "seconds": round(seconds),
            "first_mb": self.first_mb and round(self.first_mb),
            "last_mb": round(self.last_mb),
            "most_mb": round(self.most_mb),
        }

    def megabytes(self):
        """Return the memory that it has now; 0 if it has ended."""
        with suppress(OSError, IndexError, ValueError):
            pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
            return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
        return 0.0

    def _read(self):
        for line in self.process.stdout:
            self._lines = [*self._lines[-20:], line.strip()]

    def _sample(self):
        while self.process.poll() is None:
            self.last_mb = self.megabytes() or self.last_mb
            self.most_mb = max(self.most_mb, self.last_mb)
            if self.first_mb is None and self.began and time.monotonic() - self.began > WARM_SECONDS:
                self.first_mb = self.last_mb
            time.sleep(1)
        self.ended = time.monotonic()


WARM_SECONDS = 20  # after which the memory of a service is what it needs


def finish(process, seconds=300):
    """Wait for a command; return what it printed, and fail if it failed."""
    output, _ = process.communicate(timeout=seconds)
    lines = [line for line in output.splitlines() if not re.match(r"^[EWI]0000|WARNING: All log", line)]
    text = "\n".join(lines[-8:])
    assert process.returncode == 0, f"{process.args[4:6]} ended with {process.returncode}: {text}"
    return text


def free_port():
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def load_rows():
    """Return times, values ``[N, C]`` without gaps and the measured features of household power."""
    from tsforecast.data.sources.household_power import load

    series = load()
    values = series.values[:, :7].astype(float)
    last = np.maximum.accumulate(np.where(np.isnan(values), 0, np.arange(len(values))[:, None]), axis=0)
    return series.time, np.take_along_axis(values, last, axis=0), list(series.features[:7])
