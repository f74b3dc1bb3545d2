"""job=rehearsal: time and memory of real runs at several numbers of rows, and when growth meets each limit.

Each size runs in a process of its own: ``python -m tsforecast.jobs.rehearsal CONFIG.yaml OUTPUT.json`` loads the data,
trains every model for a few steps on batches of them, and forecasts a tenth of the test windows.
"""

import dataclasses
import datetime
import gc
import json
import sys
import time
from pathlib import Path
from typing import Any

from tsforecast.config import Config
from tsforecast.config.stored import load
from tsforecast.errors import UserError
from tsforecast.jobs import build
from tsforecast.jobs.benchmark import members_of
from tsforecast.jobs.measure import in_process
from tsforecast.jobs.plan import scale_rows
from tsforecast.planning import machine
from tsforecast.planning.scaling_study import SCORED_SHARE, findings, markdown
from tsforecast.tracking.run_folder import RunFolder


def main(config: Config, path: Path) -> None:
    """Rehearses every size of ``plan.scales``, prints the tables, writes ``rehearsal.json`` and ``rehearsal.md``."""
    from tsforecast import runtime

    if config.training.batch_size == "auto":
        raise UserError("job=rehearsal needs a batch to compare: set training.batch_size to a number.")
    growing = sorted(scale_rows(config).items(), key=lambda item: item[1])
    sizes = {name: rows for name, rows in growing if name in config.plan.scales}
    if len(sizes) < 2:
        raise UserError(
            "job=rehearsal needs at least two sizes of these data: name them in plan.scales, "
            "and leave data.rows to the scale."
        )
    measured = []
    for name, rows in sizes.items():
        sized = dataclasses.replace(config, data=config.data | {"rows": rows})
        measured.append(in_process("tsforecast.jobs.rehearsal", sized, [], f"The rehearsal of {name}"))
        print(f"{rows:,} rows: {measured[-1]['peak'] / 1e9:.2f} GB at most", flush=True)
    found = findings(measured, memory=machine.memory_bytes()[0], today=datetime.date.today())
    result = found | {
        "sizes": measured,
        "batch_size": config.training.batch_size,
        "versions": runtime.versions(config.backend),
    }
    folder, text = RunFolder.create(path), markdown(result)
    folder.write_json("rehearsal.json", result)
    folder.write_text_atomic("rehearsal.md", text)
    print(text)
    print(folder.path, flush=True)


def one_size(config: Config) -> dict[str, Any]:
    """What one number of rows takes; times in seconds, sizes in bytes."""
    from tsforecast import runtime
    from tsforecast.planning.memory import resident_bytes

    began = time.perf_counter()
    dataset = build.build_data(config)
    loading = time.perf_counter() - began
    facts = build.set_up_runtime(config)
    models = {name: _one_model(one, dataset) for name, one in members_of(config).items()}
    return {
        "rows": len(dataset.series),
        "device": facts.device_name,
        "kind": facts.device,
        "loading": loading,
        "data": resident_bytes(dataset),
        "peak": round(runtime.peak_memory_mb() * 1e6),
        "models": models,
    }


def _one_model(config: Config, dataset: Any) -> dict[str, Any]:
    """Seconds of a step with its input, and of a share of the test forecasts; both after compilation."""
    from tsforecast.config import instantiate
    from tsforecast.inference.predict import BATCH, forward
    from tsforecast.timing import seconds_per_call

    model = build.forecaster(config, dataset)
    trainer = build.trainer(config, model, instantiate(config.loss), 1000)
    step = seconds_per_call(_steps(config, dataset, trainer), config.plan.seconds)
    windows = len(dataset.windows("test"))
    tested = dataset.windows("test", limit=max(BATCH, round(windows * SCORED_SHARE)))
    forward(model, dataset.windows("test", limit=BATCH))  # compiles
    began = time.perf_counter()
    forward(model, tested)
    scoring = (time.perf_counter() - began) * windows / len(tested)
    # The stream holds the rows as tensors, and lies in a cycle: the next model would stand beside them.
    del trainer, model
    gc.collect()
    return {
        "step": step,
        "steps_a_pass": max(1, len(dataset.windows("train")) // config.training.batch_size),
        "scoring": scoring,
    }


def _steps(config: Config, dataset: Any, trainer: Any) -> Any:
    """A call that takes the next batch of the data and trains on it."""
    import numpy as np

    from tsforecast.training.trainer import train_batches

    windows, batch_size = dataset.windows("train"), config.training.batch_size
    batches = iter(train_batches(trainer, windows, batch_size, config.seed)(0))
    if config.backend != "tensorflow":
        return lambda: trainer.train_on_batch(*next(batches))
    step = trainer.make_train_function()
    return lambda: float(np.asarray(step(batches)["loss"]))


if __name__ == "__main__":
    source, target = sys.argv[1:]
    Path(target).write_text(json.dumps(one_size(load(Path(source)))))
