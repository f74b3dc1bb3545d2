"""Composing, checking and instantiating configs.

Only this package and ``run.py`` use Hydra. It does not import TensorFlow.
"""

from tsforecast.config.checks import check
from tsforecast.config.cli import command_line
from tsforecast.config.dispatch import dispatch
from tsforecast.config.instantiate import build_source, instantiate, stem, tracker_starters
from tsforecast.config.panel_checks import is_panel
from tsforecast.config.schema import Config

__all__ = [
    "Config",
    "build_source",
    "check",
    "command_line",
    "dispatch",
    "instantiate",
    "is_panel",
    "stem",
    "tracker_starters",
]
