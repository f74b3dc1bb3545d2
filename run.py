"""Runs one job, or a sweep of them, as in ``python run.py model=gru precision=mixed``; ``--help`` lists the choices."""

import sys

import hydra
from omegaconf import DictConfig

from tsforecast import config
from tsforecast.config.cli import one_sentence


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def run(cfg: DictConfig) -> float | None:
    """Checks the composed config before TensorFlow is imported, and hands it to its job; returns the objective."""
    with one_sentence():
        return config.dispatch(config.check(cfg))


if __name__ == "__main__":
    sys.exit(config.command_line(run))
