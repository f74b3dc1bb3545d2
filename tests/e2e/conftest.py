"""A process that answers command lines without TensorFlow, shared by the tests of a session."""

import pytest

from tests.helpers.cold_commands import ColdCommands


@pytest.fixture(scope="session")
def cold_command():
    with ColdCommands() as command:
        yield command
