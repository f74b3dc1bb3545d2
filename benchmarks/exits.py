"""How long processes live after their last line: ``python -m benchmarks.exits --runs 20``.

Starts quick runs one after the other, and prints for each the seconds from its last line to its end. Fails if one of
them takes longer than a second.
"""

import argparse
import subprocess
import sys
import tempfile
import time

from benchmarks.turns import ROOT

QUICK = ("training=quick", "scale=tiny", "tracker=none")
MAX_SECONDS = 1.0


def delay(command):
    """Run a command; return the seconds from the last line that it prints to its end."""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        printed = time.perf_counter()
        for _ in process.stdout:
            printed = time.perf_counter()
        process.wait()
        seconds = time.perf_counter() - printed
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} ended with {process.returncode}.")
    return seconds


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--models", nargs="+", default=["gru", "dlinear"], help="taking turns")
    options = parser.parse_args(arguments)
    delays = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.runs):
            model = options.models[number % len(options.models)]
            delays.append(
                delay(
                    [sys.executable, "run.py", f"model={model}", *QUICK, f"hydra.run.dir={folder}/{number}"]
                )
            )
            print(f"{number + 1:3d}  {model:<16}{delays[-1]:6.2f} s", flush=True)
    print(
        f"longest {max(delays):.2f} s, {sum(delay > MAX_SECONDS for delay in delays)} above {MAX_SECONDS:g} s"
    )
    return int(max(delays) > MAX_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
