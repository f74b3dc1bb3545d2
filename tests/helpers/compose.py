"""Composes and checks a config as ``run.py`` does."""

from hydra import compose as hydra_compose
from hydra import initialize_config_dir

from tsforecast.config import check
from tsforecast.installation import CONF


def compose(*overrides):
    """Returns the checked config of a command."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return check(hydra_compose("config", list(overrides)), list(overrides))
