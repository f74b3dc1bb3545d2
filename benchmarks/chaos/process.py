"""A command of tsforecast on a clock that jumps: ``python -m benchmarks.chaos.process CLOCK_FILE job=serve ...``.

The file has the seconds by which the clock is wrong. ``time.time``, which stamps what the service receives and decides
what is old, and the times of the registry's records follow it; clocks of C libraries do not.
"""

import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path


def make_clock_jump(file):
    """Let the clock of this process be wrong by the seconds that a file has."""
    real, real_ns = time.time, time.time_ns

    def offset():
        return float(file.read_text())

    time.time = lambda: real() + offset()
    time.time_ns = lambda: real_ns() + int(offset() * 1e9)

    from tsforecast.registry import audit, store

    def now():
        wrong = datetime.now(timezone.utc) + timedelta(seconds=offset())
        return wrong.isoformat(timespec="seconds")

    audit._now = store._now = now


if __name__ == "__main__":
    make_clock_jump(Path(sys.argv.pop(1)))
    from tsforecast.command import run

    run()
