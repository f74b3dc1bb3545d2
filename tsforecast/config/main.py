"""The Hydra application: compose, check, dispatch, return the objective."""

import hydra
from omegaconf import DictConfig

from tsforecast.config.checks import check
from tsforecast.config.cli import command_line, report_user_errors
from tsforecast.config.dispatch import dispatch
from tsforecast.installation import CONF


def run(cfg: DictConfig) -> float | None:
    """Check the composed config before TensorFlow is imported, and hand it to its job; return the objective."""
    with report_user_errors():
        return dispatch(check(cfg))


def main() -> int:
    """Run the command in ``sys.argv`` and return its exit code."""
    return command_line(hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(run))
