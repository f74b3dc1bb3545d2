"""Runs one job, or a sweep of them, as in ``python run.py model=gru precision=mixed``; ``--help`` lists the choices."""

import sys

from tsforecast.command import main  # Tab completion of Hydra looks here for the words @hydra.main

if __name__ == "__main__":
    sys.exit(main())
