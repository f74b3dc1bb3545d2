"""Checks of the group ``report``."""

import importlib.util

from tsforecast.config.schema import Config
from tsforecast.errors import UserError, install_hint


def check_report(config: Config) -> None:
    """Refuse pictures that could not be drawn once the run is done.

    Raises:
        UserError: matplotlib is not installed.
    """
    pictures = [kind for kind in config.report.format if kind != "html"]
    if pictures and importlib.util.find_spec("matplotlib") is None:
        raise UserError(f"report.format={pictures[0]} needs matplotlib: {install_hint('plot')}.")
