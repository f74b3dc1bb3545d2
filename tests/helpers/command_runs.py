"""Whole runs of ``run.py``, each in a process of its own."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

RUN = Path(__file__).parents[2] / "run.py"
# Whatever takes no part in the result: a clock.
CLOCKED = {"seconds", "steps_per_second", "windows_per_second", "input_wait"}


@dataclass(frozen=True)
class Run:
    """What a command printed and left; ``folder`` is its last line, where it got so far."""

    code: int
    out: str
    err: str
    cwd: Path

    @property
    def folder(self):
        return self.cwd / self.out.splitlines()[-1]

    @property
    def result(self):
        return read_result(self.folder)

    @property
    def rows(self):
        return read_rows(self.folder)


def read_result(folder):
    return json.loads((folder / "result.json").read_text())


def read_rows(folder):
    """The lines of metrics.jsonl without what a clock gave."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k not in CLOCKED} for line in lines]


def start(*argv, cwd):
    """The command as a running process."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, str(RUN), *argv], cwd=cwd, **pipes)


def finish(process, cwd):
    out, err = process.communicate(timeout=600)
    return Run(process.returncode, out, err, cwd)


def run_fresh(*argv, cwd):
    """Runs a command in a process of its own."""
    return finish(start(*argv, cwd=cwd), cwd)


def run_chain(*argv, cwd):
    """Runs several commands, with ``--`` between them, one after the other in one fresh process."""
    script = Path(__file__).with_name("command_chain.py")
    done = subprocess.run(
        [sys.executable, str(script), *argv], cwd=cwd, capture_output=True, text=True, timeout=600
    )
    return Run(done.returncode, done.stdout, done.stderr, cwd)
