"""The command line: ``python run.py`` in a checkout, else ``tsforecast`` or ``python -m tsforecast``."""

import sys
from typing import NoReturn

from tsforecast import completion
from tsforecast.imports import pause_collection
from tsforecast.leaving import leave


def run() -> NoReturn:
    """Run the command in ``sys.argv`` and end this process with its exit code."""
    try:
        code = main()
    except BrokenPipeError:  # as in `python run.py --help | head`
        code = 1
    leave(code)


def main() -> int:
    """Run the command in ``sys.argv`` and return its exit code."""
    if "query=bash" in sys.argv and completion.answer():
        return 0  # the shell waits at a Tab: answered before Hydra is imported
    try:
        with pause_collection():
            from tsforecast.config.main import main as run_command
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted before anything was saved.\n")
        return 130
    return run_command()
