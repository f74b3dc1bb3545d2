"""Measures steps in a process of their own: ``python -m tsforecast.jobs.measure CONFIG.yaml OUTPUT.json BATCH...``.

Fresh, so that nothing done before counts, and with an environment in which freed memory goes back to the system at
once, so that the high-water mark of the process is what is really held.
"""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tsforecast.config import Config
from tsforecast.config.stored import as_yaml, load
from tsforecast.errors import UserError

MIN_ROWS = 6000  # enough to prepare any default window; steps are measured on noise of the data's shape
ENVIRONMENT = {
    "TF_ONEDNN_USE_SYSTEM_ALLOCATOR": "1",  # TensorFlow's own pool on CPUs would keep what is freed
    "MALLOC_MMAP_THRESHOLD_": "65536",  # larger blocks are mapped, and unmapped when freed
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # Buffers are assigned before machine code is made, and quick code takes minutes to make.
    "XLA_FLAGS": "--xla_backend_optimization_level=0",
}


def measured(
    config: Config, batch_sizes: list[int], *, what: str = "memory", seconds: float = 2.0
) -> list[dict[str, Any]]:
    """Runs train steps and forecasts of a config at some batches in a fresh process.

    Args:
        config: whose model, data, loss, optimizer, precision and device are taken.
        batch_sizes: each at least 1.
        what: ``memory`` of a step and a forecast of each batch; ``time`` of a step, and of a forecast of one window;
            ``forecast``, the time of that alone.
        seconds: to time each call for.

    Returns: a row a batch, see ``_row``.

    Raises:
        UserError: the process failed; with its last line.
    """
    return in_process(
        "tsforecast.jobs.measure",
        config,
        [what, str(seconds), str(time.time()), *map(str, batch_sizes)],
        f"The steps of {config.model['_target_']}",
        ENVIRONMENT if what == "memory" else {},
    )


def in_process(
    module: str,
    config: Config,
    arguments: list[str],
    what: str,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Any:
    """Runs ``python -m MODULE CONFIG.yaml OUTPUT.json ARGUMENT...`` and returns what it left in the output.

    Args:
        module: to run.
        config: handed over as a file.
        arguments: further ones.
        what: is measured, for the message.
        environment: variables to add.

    Raises:
        UserError: the process failed; with its last line.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "config.yaml", Path(folder) / "measured.json"
        source.write_text(as_yaml(config))
        done = subprocess.run(
            [sys.executable, "-m", module, str(source), str(target), *arguments],
            env=os.environ | environment, capture_output=True, text=True, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        if done.returncode or not target.is_file():
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise UserError(f"{what} could not be measured: {last}")
        return json.loads(target.read_text())


def main(arguments: list[str]) -> None:
    """Measures what the arguments say and writes the rows as JSON."""
    source, target, *rest = arguments
    Path(target).write_text(json.dumps(rows(load(Path(source)), *rest)))


def rows(config: Config, what: str, seconds: str, started: str, *batch_sizes: str) -> list[dict[str, Any]]:
    """A row a batch, see ``_row``; the arguments as they stand on the command line."""
    config = _few_rows(config)
    return [_row(config, int(size), what, float(seconds), float(started)) for size in batch_sizes]


def _few_rows(config: Config) -> Config:
    """The config with no more rows than its windows need, where its data can be cut."""
    window = config.window
    least = max(MIN_ROWS, 20 * (window.lookback + window.lead + window.horizon))
    if "rows" in config.data and least < (config.data["rows"] or least + 1):
        return dataclasses.replace(config, data=config.data | {"rows": least})
    return config


def _row(config: Config, batch_size: int, what: str, seconds: float, started: float) -> dict[str, Any]:
    """``batch_size``, ``device``, and of ``infer`` and ``train`` the peak in bytes or the times of a call.

    With times, ``cold`` is the seconds from the start of the process, at ``started``, to its first forecast.
    """
    from tsforecast.config import instantiate
    from tsforecast.jobs import build
    from tsforecast.planning import probe
    from tsforecast.timing import seconds_per_call

    dataset = build.build_data(config)
    facts = build.set_up_runtime(config)
    config = dataclasses.replace(config, training=dataclasses.replace(config.training, batch_size=batch_size))
    model = build.forecaster(config, dataset)
    trainer = build.trainer(config, model, instantiate(config.loss), 1000)
    row: dict[str, Any] = {
        "batch_size": batch_size,
        "device": facts.device_name,
        "policy": facts.policy,
    }
    # A forecast in service is of one window; for memory, of as many as a step trains on.
    infer = probe.forecast_call(model, batch_size if what == "memory" else 1)
    if what == "memory":
        return row | {
            "infer": probe.peak_of_call(infer),
            "train": probe.peak_of_call(probe.training_call(trainer, batch_size)),
        }
    before = time.time() - started
    row["infer"] = seconds_per_call(infer, seconds)
    row["cold"] = before + row["infer"]["first"]
    if what == "time":
        row["train"] = seconds_per_call(probe.training_call(trainer, batch_size), seconds)
    return row


if __name__ == "__main__":
    main(sys.argv[1:])
