"""A process that answers command lines without TensorFlow, shared by the tests of a session."""

import sys
from pathlib import Path

import pytest
from cold_commands import ColdCommands

sys.path.append(str(Path(__file__).parents[1] / "unit" / "tracking"))  # for wandb_log


@pytest.fixture(scope="session")
def cold_command():
    with ColdCommands() as command:
        yield command
