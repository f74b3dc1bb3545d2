"""Our models beside the same architectures in PyTorch and stock Keras, in turns: ``python -m benchmarks.against``.

Each contender is a process of its own that sleeps while another one works. Every cell is measured in rounds in which
all contenders take turns, so that a busy machine slows all alike; the ratio of medians is what counts. PyTorch runs at
one thread and at all, and the better one counts. Writes docs/performance.md; needs the extra ``torch``.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "performance.md"
MODELS = ("lstm", "gru", "cnn_lstm", "spike_detector")
CELLS = (("train", 32), ("train", 256), ("infer", 1), ("infer", 32))
CALLS = {"train": 6, "infer": 20}  # in a turn


@dataclass
class Contender:
    """A process that works when it is told to."""

    name: str
    arguments: list
    seconds: list = field(default_factory=list)
    peak_mb: float | None = None

    def start(self, model, work, batch):
        command = [sys.executable, "-m", "benchmarks.contender", self.arguments[0], model, work, str(batch)]
        self.process = subprocess.Popen(
            [*command, *self.arguments[1:]],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} could not start: {' '.join(command)}")
        self.peak_mb = json.loads(line)["peak_mb"]

    def turn(self, calls):
        self.process.stdin.write(f"{calls}\n")
        self.process.stdin.flush()
        self.seconds += json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def contenders(cores):
    """Every library at its settings."""
    threads = sorted({1, cores})
    return [
        Contender("ours", ["ours"]),
        Contender("ours, bfloat16", ["ours", "--half"]),
        Contender("stock Keras", ["keras"]),
        *[Contender(f"PyTorch, {n} threads", ["torch", "--threads", str(n)]) for n in threads],
        *[Contender(f"PyTorch bf16, {n} threads", ["torch", "--half", "--threads", str(n)]) for n in threads],
    ]


def measured(model, work, batch, rounds, cores):
    """Name -> (median, low, high, peak) in seconds and MB, all contenders in turns."""
    everyone = contenders(cores)
    for one in everyone:
        one.start(model, work, batch)
    for _ in range(rounds):
        for one in everyone:
            one.turn(CALLS[work])
    for one in everyone:
        one.stop()
    found = {}
    for one in everyone:
        low, median, high = statistics.quantiles(one.seconds, n=4)
        found[one.name] = (median, low, high, one.peak_mb)
    return found


def best(found, prefix):
    """Name and figures of the quickest contender whose name begins so."""
    return min(((n, f) for n, f in found.items() if n.startswith(prefix)), key=lambda pair: pair[1][0])


def row(model, work, batch, found):
    """The line of a cell."""
    reference = best(found, "PyTorch,")
    half = best(found, "PyTorch bf16")
    cells = [model, f"{'train step' if work == 'train' else 'forecast'}, {batch}"]
    for name, figures in (
        ("ours", found["ours"]),
        ("ours, bfloat16", found["ours, bfloat16"]),
        ("stock Keras", found["stock Keras"]),
        reference,
        half,
    ):
        median, low, high, _ = figures
        ratio = "" if name == reference[0] else f" ({median / reference[1][0]:.2f})"
        threads = f", {name.split(', ')[1][0]} thr." if name.startswith("PyTorch") else ""
        cells.append(f"{1e3 * median:.2f} [{1e3 * low:.2f}, {1e3 * high:.2f}]{ratio}{threads}")
    cells.append(f"{found['ours'][3]:.0f} / {reference[1][3]:.0f}")
    return f"| {' | '.join(cells)} |"


def peak_gflops(seconds=2.0):
    """The machine's float32 matrix product rate, by NumPy on 1,024 x 1,024."""
    import numpy as np

    a = np.random.default_rng(0).normal(size=(1024, 1024)).astype(np.float32)
    times, until = [], time.perf_counter() + seconds
    while time.perf_counter() < until:
        began = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - began)
    return 2 * 1024**3 / statistics.median(times) / 1e9


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=MODELS, choices=MODELS)
    parser.add_argument("--rounds", type=int, default=8, help="turns of each contender in a cell")
    parser.add_argument("--page", type=Path, default=PAGE)
    asked = parser.parse_args()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    lines = []
    for model in asked.models:
        for work, batch in CELLS:
            found = measured(model, work, batch, asked.rounds, cores)
            lines.append(row(model, work, batch, found))
            print(lines[-1], flush=True)
    machine = platform.processor() or platform.machine()
    libraries = ", ".join(f"{name} {version(name)}" for name in ("tensorflow", "keras", "torch"))
    head = [
        "model",
        "work, windows",
        "ours",
        "ours, bfloat16",
        "stock Keras",
        "PyTorch",
        "PyTorch bf16",
        "peak MB",
    ]
    page = [
        "# Performance",
        "",
        f"Made by `python -m benchmarks.against --rounds {asked.rounds}` on {machine}, {cores} cores, Python"
        f" {platform.python_version()}, {libraries}; {peak_gflops():.0f} GF/s in float32 products of NumPy.",
        "Milliseconds: median [quartiles], and in brackets the ratio to PyTorch's float32 at its better number of",
        "threads."
        " Peak MB: ours / PyTorch, of the whole process. All contenders of a line took turns in one sitting.",
        "",
        f"| {' | '.join(head)} |",
        "|---|---|" + "---:|" * (len(head) - 2),
        *lines,
        "",
    ]
    asked.page.write_text("\n".join(page))


if __name__ == "__main__":
    main()
