"""Runs one job, or a sweep of them, as in ``python run.py model=gru precision=mixed``; ``--help`` lists the choices."""

import sys

from tsforecast import completion

if __name__ == "__main__" and "query=bash" in sys.argv and completion.answer():
    sys.exit()  # the shell waits at a Tab: answered before Hydra is imported

try:
    import hydra
    from omegaconf import DictConfig

    from tsforecast import config
    from tsforecast.config.cli import report_user_errors
except KeyboardInterrupt:
    sys.stderr.write("Interrupted before anything was saved.\n")
    sys.exit(130)


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def run(cfg: DictConfig) -> float | None:
    """Checks the composed config before TensorFlow is imported, and hands it to its job; returns the objective."""
    with report_user_errors():
        return config.dispatch(config.check(cfg))


if __name__ == "__main__":
    sys.exit(config.command_line(run))
