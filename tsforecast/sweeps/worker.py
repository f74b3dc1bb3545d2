"""The child process of a sweep: runs ``run.py`` for each request, exactly as the command line would.

Requests come as JSON lines on standard input (``arguments``, ``log``); for each one a JSON line with the exit code goes
to standard output. What a job prints goes to its log.
"""

import json
import os
import runpy
import signal
import sys
import threading
import time
import traceback
from typing import IO, Any

from tsforecast import leaving

PARENT_CHECK_SECONDS = 1.0


def main(run_file: str, lock: int | None = None) -> None:
    """Serves requests until standard input ends.

    Args:
        run_file: path of ``run.py``.
        lock: descriptor to hold on to, so that no second sweep starts in the folder while this process lives.
    """
    if lock is not None:
        os.set_inheritable(lock, False)  # what a job starts may outlive it, and must not hold the lock
    requests, replies = _take(0, os.O_RDONLY, "r"), _take(1, os.O_WRONLY, "w")
    threading.Thread(target=_leave_with_parent, args=(os.getppid(),), daemon=True).start()
    leaving.keep_process()
    for line in requests:
        request = json.loads(line)
        code = run(run_file, request["arguments"], request["log"])
        replies.write(json.dumps({"code": code}) + "\n")
        replies.flush()
    leaving.end_process(0)


def run(run_file: str, arguments: list[str], log: str) -> int:
    """Runs one command line with its output in ``log``; returns its exit code."""
    _reset_peak_memory()
    terminate = signal.getsignal(signal.SIGTERM)
    sys.argv = [run_file, *arguments]
    _print_to(log, os.O_CREAT | os.O_APPEND)
    try:
        runpy.run_path(run_file, run_name="__main__")
        return 0
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        return 130
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        _print_to(os.devnull, 0)
        signal.signal(signal.SIGTERM, terminate)


def _take(descriptor: int, flags: int, mode: str) -> IO[str]:
    """A private copy of a standard stream, whose own descriptor then leads nowhere: jobs may use that one freely."""
    kept = os.fdopen(os.dup(descriptor), mode)
    nowhere = os.open(os.devnull, flags)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
    return kept


def _print_to(path: str, flags: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    target = os.open(path, os.O_WRONLY | flags, 0o644)
    for descriptor in (1, 2):
        os.dup2(target, descriptor)
    os.close(target)


def _reset_peak_memory() -> None:
    """Starts the peak of resident memory afresh (Linux), so that a job does not report an earlier one's."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        pass


def _leave_with_parent(parent: int) -> Any:
    """Asks this process to save and stop when the sweep is gone, however it went."""
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
