"""The sweep's side of its child process."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from tsforecast.installation import IMPORT_ROOT

_START = (
    "import sys; sys.path[0] = sys.argv[1]; from tsforecast.sweeps.worker import main; "
    "main(sys.argv[2], int(sys.argv[3]))"
)


class Worker:
    """A child process that runs one job at a time; it is started when it is first needed, and again after it died.

    It has a session of its own, so that Ctrl-C in the terminal reaches the sweep alone.

    Args:
        run_file: path of ``run.py``.
        lock: descriptor that the child inherits, see ``Study.locked``.
        shared: whether jobs share one process; else each gets a new one.
    """

    def __init__(self, run_file: Path, lock: int, shared: bool):
        self._command = [sys.executable, "-c", _START, str(IMPORT_ROOT), str(run_file), str(lock)]
        self._lock = lock
        self._shared = shared
        self._process: subprocess.Popen[str] | None = None
        self._replies = selectors.DefaultSelector()

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *failure: object) -> None:
        self._leave()

    def begin(self, arguments: Sequence[str], log: Path) -> None:
        """Starts a job."""
        if self._process is None or self._process.poll() is not None:
            self._leave()
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
                pass_fds=[self._lock],
            )
            self._replies.register(_pipe(self._process.stdout), selectors.EVENT_READ)
        request = json.dumps({"arguments": list(arguments), "log": str(log.resolve())})
        pipe = _pipe(self._process.stdin)
        pipe.write(request + "\n")
        pipe.flush()

    def wait(self, seconds: float) -> int | None:
        """Waits for the job to end, but no longer than ``seconds``.

        Returns:
            Its exit code, or minus the signal that killed it; None while it runs.
        """
        process = self._process
        if process is None:
            raise RuntimeError("wait() before begin()")
        if not self._replies.select(seconds):
            return None
        line = _pipe(process.stdout).readline()
        code = json.loads(line)["code"] if line else process.wait()
        if not self._shared or not line:
            self._leave()
        return code

    def stop(self, hard: bool = False) -> None:
        """Asks the job to save its state and end; ``hard`` ends it at once."""
        if self._process is not None and self._process.poll() is None:
            if hard:
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.terminate()

    def _leave(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        self._replies.unregister(_pipe(process.stdout))
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(BrokenPipeError):  # it died before it read all
                _pipe(pipe).close()
        process.wait()


def _pipe(pipe: IO[Any] | None) -> IO[Any]:
    """The pipe, which is there because ``Popen`` was asked for it."""
    if pipe is None:
        raise RuntimeError("the child process has no pipe")
    return pipe
