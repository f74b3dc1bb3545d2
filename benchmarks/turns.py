"""Contenders that take turns: each is a process that is idle while another one works."""

import json
import statistics
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

ROOT = Path(__file__).parents[1]


class Contender:
    """A process that works on request.

    Args:
        name: Name in the results.
        command: Command that starts it; it reads requests and answers like ``benchmarks.contender``.
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
        """Return the seconds of a number of calls, and the peak memory of the process in MB."""
        with suppress(BrokenPipeError):  # the error below is clearer
            self.process.stdin.write(f"{work} {windows} {calls}\n")
            self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("{"):  # libraries may print other lines
                answer = json.loads(line)
                return answer["seconds"], answer["peak_mb"]
        raise SystemExit(f"{self.name} ended early: {' '.join(self.command)}")


def contenders(model, cores, peers):
    """Return the contenders of a model; PyTorch runs with one thread and with all cores, and the faster one counts."""
    ours, theirs = ([python, "-m", "benchmarks.contender"] for python in (sys.executable, peers))
    results = [
        Contender("ours", [*ours, "ours", model]),
        Contender("ours bfloat16", [*ours, "ours", model, "--half"]),
        Contender("stock Keras", [*ours, "keras", model]),
    ]
    for threads in sorted({1, cores}) if peers else ():
        command = [*theirs, "torch", model, "--threads", threads]
        results.append(Contender(f"PyTorch, {threads} threads", command))
        results.append(Contender(f"PyTorch bfloat16, {threads} threads", [*command, "--half"]))
    return results


def in_turns(contenders, cells, rounds):
    """Measure each contender in each cell, all of them in turns.

    Args:
        contenders: The contenders, not started.
        cells: Tuples of operation, windows and calls per turn.
        rounds: Turns of each contender per cell.

    Returns: for each cell, ``summary`` with ``peak_mb`` by name.
    """
    results = []
    with ExitStack() as running:
        for contender in contenders:
            running.enter_context(contender)
        for work, windows, calls in cells:
            peaks = {contender.name: contender.turn(work, windows, 0)[1] for contender in contenders}
            seconds = {contender.name: [] for contender in contenders}
            for _ in range(rounds):
                for contender in contenders:
                    seconds[contender.name] += contender.turn(work, windows, calls)[0]
            results.append({name: summary(seconds[name]) | {"peak_mb": peaks[name]} for name in seconds})
    return results


def summary(seconds):
    """Return median, quartiles and number of at least two measurements."""
    low, median, high = statistics.quantiles(seconds, n=4, method="inclusive")
    return {"median": median, "low": low, "high": high, "calls": len(seconds)}
