"""Composing, checking and building: the only place beside ``run.py`` that knows Hydra; imports no TensorFlow."""

from tsforecast.config.build import build, build_source, dispatch, stem
from tsforecast.config.checks import check
from tsforecast.config.cli import command_line
from tsforecast.config.schema import Config

__all__ = ["Config", "build", "build_source", "check", "command_line", "dispatch", "stem"]
