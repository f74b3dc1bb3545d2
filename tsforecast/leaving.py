"""The end of a process, without the interpreter's shutdown, which takes seconds once TensorFlow is loaded."""

import atexit
import os
import sys
import threading
from typing import NoReturn

_several_commands = False


def keep_process() -> None:
    """Let later calls of ``leave`` raise ``SystemExit``, in a process that runs several commands."""
    global _several_commands
    _several_commands = True


def leave(code: int) -> NoReturn:
    """End this process as ``sys.exit`` would, but leave its memory to the system.

    Threads that are not daemons are waited for, exit handlers run and what was printed is written. What is left out is
    the destruction of objects: TensorFlow's take seconds, and its thread pools can block.

    Args:
        code: Exit code.

    Raises:
        SystemExit: The process runs several commands, see ``keep_process``.
    """
    if _several_commands:
        raise SystemExit(code)
    end_process(code)


def end_process(code: int) -> NoReturn:
    """End this process, see ``leave``."""
    # As the interpreter does; it also ends the pools of concurrent.futures.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # the reader has gone, or the stream is closed
            code = code or 1
    os._exit(code)
