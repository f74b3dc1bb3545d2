"""Measures steps in a process of their own: ``python -m tsforecast.jobs.measure CONFIG.yaml OUTPUT.json BATCH...``.

Fresh, so that nothing done before counts, and with an environment in which freed memory goes back to the system at
once, so that the high-water mark of the process is what is really held.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tsforecast.config import Config
from tsforecast.config.build import as_yaml, load
from tsforecast.errors import UserError

ENVIRONMENT = {
    "TF_ONEDNN_USE_SYSTEM_ALLOCATOR": "1",  # TensorFlow's own pool on CPUs would keep what is freed
    "MALLOC_MMAP_THRESHOLD_": "65536",  # larger blocks are mapped, and unmapped when freed
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


def measured(
    config: Config, batch_sizes: list[int], *, what: str = "memory", seconds: float = 2.0
) -> list[dict[str, Any]]:
    """Runs train steps and forecasts of a config at some batches in a fresh process.

    Args:
        config: whose model, data, loss, optimizer, precision and device are taken.
        batch_sizes: each at least 1.
        what: ``memory`` or ``time``.
        seconds: to time each call for.

    Returns: a row a batch, see ``_row``.

    Raises:
        UserError: the process failed; with its last line.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "config.yaml", Path(folder) / "measured.json"
        source.write_text(as_yaml(config))
        environment = os.environ | (ENVIRONMENT if what == "memory" else {})
        arguments = [str(source), str(target), what, str(seconds), *map(str, batch_sizes)]
        done = subprocess.run(
            [sys.executable, "-m", "tsforecast.jobs.measure", *arguments],
            env=environment, capture_output=True, text=True, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        if done.returncode or not target.is_file():
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise UserError(f"The steps of {config.model['_target_']} could not be measured: {last}")
        return json.loads(target.read_text())


def main(arguments: list[str]) -> None:
    """Measures what the arguments say and writes the rows as JSON."""
    source, target, what, seconds, *batch_sizes = arguments
    config = load(Path(source))
    rows = [_row(config, int(size), what, float(seconds)) for size in batch_sizes]
    Path(target).write_text(json.dumps(rows))


def _row(config: Config, batch_size: int, what: str, seconds: float) -> dict[str, Any]:
    """``batch_size``, ``device``, and of ``train`` and ``infer`` the peak in bytes or the times of a call."""
    from tsforecast.config import build
    from tsforecast.jobs import assemble
    from tsforecast.planning import probe

    prepared = assemble.prepared_data(config)
    facts = assemble.prepared_runtime(config)
    config.training.batch_size = batch_size
    model = assemble.forecaster(config, prepared)
    trainer = assemble.trainer(config, model, build(config.loss), 1000)
    row: dict[str, Any] = {
        "batch_size": batch_size,
        "device": facts["device_name"],
        "policy": facts["policy"],
    }
    calls = {
        "train": probe.training_call(trainer, batch_size),
        # A forecast in service is of one window; for memory, of as many as a step trains on.
        "infer": probe.forecast_call(model, batch_size if what == "memory" else 1),
    }
    for name, call in calls.items():
        row[name] = probe.peak_of_call(call) if what == "memory" else probe.seconds_per_call(call, seconds)
    return row


if __name__ == "__main__":
    main(sys.argv[1:])
