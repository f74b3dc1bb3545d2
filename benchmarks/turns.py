"""Contenders that take turns: each is a process of its own, which sleeps while another one works."""

import json
import statistics
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

ROOT = Path(__file__).parents[1]


class Contender:
    """A process that works when it is told to.

    Args:
        name: in the results.
        command: what starts it; it reads and answers as ``benchmarks.contender`` does.
    """

    def __init__(self, name, command):
        self.name, self.command = name, [str(word) for word in command]

    def __enter__(self):
        self.process = subprocess.Popen(
            self.command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *failure):
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def turn(self, work, windows, calls):
        """Seconds of that many calls, and the process's peak memory in MB."""
        with suppress(BrokenPipeError):  # what follows says it better
            self.process.stdin.write(f"{work} {windows} {calls}\n")
            self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("{"):  # libraries print what they like
                answer = json.loads(line)
                return answer["seconds"], answer["peak_mb"]
        raise SystemExit(f"{self.name} ended early: {' '.join(self.command)}")


def contenders(model, cores, peers):
    """Every library at its settings; PyTorch at one thread and at all, of which the better one counts."""
    ours, theirs = ([python, "-m", "benchmarks.contender"] for python in (sys.executable, peers))
    found = [
        Contender("ours", [*ours, "ours", model]),
        Contender("ours bfloat16", [*ours, "ours", model, "--half"]),
        Contender("stock Keras", [*ours, "keras", model]),
    ]
    for threads in sorted({1, cores}) if peers else ():
        said = [*theirs, "torch", model, "--threads", threads]
        found.append(Contender(f"PyTorch, {threads} threads", said))
        found.append(Contender(f"PyTorch bfloat16, {threads} threads", [*said, "--half"]))
    return found


def in_turns(everyone, cells, rounds):
    """What each contender takes for each cell, all of them in turns.

    Args:
        everyone: contenders, not started.
        cells: (work, windows, calls in a turn).
        rounds: turns of each contender in a cell.

    Returns: for each cell, name -> ``summary`` with ``peak_mb``.
    """
    found = []
    with ExitStack() as running:
        for one in everyone:
            running.enter_context(one)
        for work, windows, calls in cells:
            peaks = {one.name: one.turn(work, windows, 0)[1] for one in everyone}
            seconds = {one.name: [] for one in everyone}
            for _ in range(rounds):
                for one in everyone:
                    seconds[one.name] += one.turn(work, windows, calls)[0]
            found.append({name: summary(seconds[name]) | {"peak_mb": peaks[name]} for name in seconds})
    return found


def summary(seconds):
    """Median, quartiles and number of some measurements (two or more)."""
    low, median, high = statistics.quantiles(seconds, n=4, method="inclusive")
    return {"median": median, "low": low, "high": high, "calls": len(seconds)}
