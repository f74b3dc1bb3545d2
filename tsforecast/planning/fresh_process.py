"""Run a measurement in a new process, so that nothing that ran before affects it."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tsforecast.errors import UserError
from tsforecast.installation import IMPORT_ROOT

COLD = {"TSFORECAST_PROGRAM_CACHE": "off", "TF_XLA_FLAGS": ""}  # compiling is a part of what is measured


def run_in_fresh_process(
    module: str,
    config: str,
    arguments: Sequence[str] = (),
    *,
    what: str,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Any:
    """Run ``python -m MODULE CONFIG.yaml OUTPUT.json ARGUMENT...`` and return the JSON that it wrote.

    Args:
        module: Module to run.
        config: Config of the run as YAML.
        arguments: Further arguments.
        what: What is measured, for the error message.
        environment: Environment variables to add.

    Raises:
        UserError: The process failed; the message contains its last line.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "config.yaml", Path(folder) / "measured.json"
        source.write_text(config)
        path = os.pathsep.join([str(IMPORT_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        process = subprocess.run(
            [sys.executable, "-m", module, str(source), str(target), *arguments],
            env={**os.environ, **COLD, **environment, "PYTHONPATH": path}, capture_output=True, text=True,
        )  # fmt: skip
        if process.returncode or not target.is_file():
            last = (process.stderr.strip().splitlines() or ["no message"])[-1]
            raise UserError(f"{what} could not be measured: {last}")
        return json.loads(target.read_text())
