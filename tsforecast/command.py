"""The command line: ``python run.py`` in a checkout, else ``tsforecast`` or ``python -m tsforecast``."""

import sys

from tsforecast import completion


def main() -> int:
    """Run the command in ``sys.argv`` and return its exit code."""
    if "query=bash" in sys.argv and completion.answer():
        return 0  # the shell waits at a Tab: answered before Hydra is imported
    try:
        from tsforecast.config.main import main as run_command
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted before anything was saved.\n")
        return 130
    return run_command()
