"""Measure train steps and forecasts in a new process.

``python -m tsforecast.jobs.measure CONFIG.yaml OUTPUT.json WHAT SECONDS START_TIME BATCH_SIZE...``
"""

import dataclasses
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tsforecast.config import Config, is_panel
from tsforecast.config.stored import as_yaml, load
from tsforecast.planning.fresh_process import run_in_fresh_process
from tsforecast.planning.measurement import MEMORY_ENVIRONMENT

MIN_ROWS = 6000  # enough for the default windows; steps are measured on random data


def measure(
    config: Config, batch_sizes: Sequence[int], *, what: str = "memory", seconds: float = 2.0
) -> list[dict[str, Any]]:
    """Run train steps and forecasts of a config in a new process.

    Args:
        config: Config of the model, data, loss, optimizer, precision and device.
        batch_sizes: Batch sizes to measure, each at least 1.
        what: ``memory``, ``time`` or ``forecast``, see ``planning.measurement.measure_step``.
        seconds: Approximate time to spend on each timed call.

    Returns: one row per batch size.

    Raises:
        UserError: The process failed; the message contains its last line.
    """
    return run_in_fresh_process(
        "tsforecast.jobs.measure",
        as_yaml(config),
        [what, str(seconds), str(time.time()), *map(str, batch_sizes)],
        what=f"The steps of {config.model['_target_']}",
        environment=MEMORY_ENVIRONMENT if what == "memory" else {},
    )


def measure_rows(
    config: Config, what: str, seconds: str, started: str, *batch_sizes: str
) -> list[dict[str, Any]]:
    """Measure in this process, with the arguments of the command line; return one row per batch size."""
    config = _limit_rows(config)
    return [_measure_row(config, int(size), what, float(seconds), float(started)) for size in batch_sizes]


def _limit_rows(config: Config) -> Config:
    """Return the config with no more rows than its windows need, if the number of rows is an option of its data."""
    if is_panel(config.data):  # of which each series may be short
        return config
    window = config.window
    rows = max(MIN_ROWS, 20 * (window.lookback + window.lead + window.horizon))
    if "rows" in config.data and rows < (config.data["rows"] or rows + 1):
        return dataclasses.replace(config, data=config.data | {"rows": rows})
    return config


def _measure_row(
    config: Config, batch_size: int, what: str, seconds: float, started: float
) -> dict[str, Any]:
    from tsforecast.config import instantiate
    from tsforecast.jobs import build, build_model, build_training
    from tsforecast.planning.measurement import measure_step

    began = time.time()
    dataset = build.build_data(config)
    if dataset.series.panel is not None:  # whose rows are all read, while a forecast waits for no data
        started += time.time() - began
    info = build.set_up_runtime(config)
    config = dataclasses.replace(config, training=dataclasses.replace(config.training, batch_size=batch_size))
    model = build_model.forecaster(config, dataset)
    trainer = build_training.trainer(config, model, instantiate(config.loss), 1000)
    row = {"batch_size": batch_size, "device": info.device_name, "policy": info.policy}
    return row | measure_step(model, trainer, batch_size, what=what, seconds=seconds, started=started)


if __name__ == "__main__":
    source, target, *arguments = sys.argv[1:]
    Path(target).write_text(json.dumps(measure_rows(load(Path(source)), *arguments)))
