"""Runs one job, or a sweep of them, as in ``python run.py model=gru precision=mixed``; ``--help`` lists the choices."""

from tsforecast.command import run  # Tab completion of Hydra looks here for the words @hydra.main

if __name__ == "__main__":
    run()
