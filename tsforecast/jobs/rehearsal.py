"""job=rehearsal: time and memory of real runs at several numbers of rows, and when growth reaches a limit.

Each size runs in its own process: ``python -m tsforecast.jobs.rehearsal CONFIG.yaml OUTPUT.json [SHARE]`` loads the
data, or a share of many series, trains every model for a few steps, and forecasts a tenth of the test windows.
"""

import dataclasses
import datetime
import functools
import json
import sys
import time
from pathlib import Path
from typing import Any

from tsforecast import runtime
from tsforecast.config import Config, instantiate, is_panel
from tsforecast.config.stored import as_yaml, load
from tsforecast.data.dataset import ForecastDataset
from tsforecast.errors import UserError
from tsforecast.files import display_path
from tsforecast.jobs import build, build_model, build_training
from tsforecast.jobs.benchmark import select_models
from tsforecast.jobs.networks import scale_rows
from tsforecast.planning import machine, scaling_study
from tsforecast.planning.fresh_process import run_in_fresh_process
from tsforecast.tracking.run_folder import RunFolder


def main(config: Config, path: Path) -> None:
    """Measure the sizes of ``plan.scales`` or shares of many series, write ``rehearsal.json`` and ``rehearsal.md``."""
    if config.training.batch_size == "auto":
        raise UserError("job=rehearsal needs a fixed batch size: set training.batch_size to a number.")
    sizes = []
    for name, sized, arguments in _select_sizes(config):
        what = f"The scaling study of {name}"
        sizes.append(run_in_fresh_process("tsforecast.jobs.rehearsal", as_yaml(sized), arguments, what=what))
        print(f"{sizes[-1]['rows']:,} rows: {sizes[-1]['peak'] / 1e9:.2f} GB at the peak", flush=True)
    memory, _ = machine.system_memory()
    result = scaling_study.analyze_growth(sizes, memory=memory, today=datetime.date.today()) | {
        "sizes": sizes,
        "batch_size": config.training.batch_size,
        "versions": runtime.versions(config.backend),
    }
    folder, text = RunFolder.create(path), scaling_study.markdown(result)
    folder.write_json("rehearsal.json", result)
    folder.write_text_atomic("rehearsal.md", text)
    print(text)
    print(display_path(folder.path), flush=True)


def _select_sizes(config: Config) -> list[tuple[str, Config, list[str]]]:
    """Return the name of each size to measure, its config and the arguments of its process, in increasing order."""
    if is_panel(config.data):
        return [(f"{share:.0%} of the series", config, [str(share)]) for share in scaling_study.SHARES]
    return [
        (name, dataclasses.replace(config, data=config.data | {"rows": rows}), [])
        for name, rows in _select_scales(config).items()
    ]


def _select_scales(config: Config) -> dict[str, int]:
    """Return the number of rows of each scale to measure, in increasing order."""
    scales = sorted(scale_rows(config).items(), key=lambda item: item[1])
    selected = {name: rows for name, rows in scales if name in config.plan.scales}
    if len(selected) < 2:
        raise UserError(
            "job=rehearsal needs at least two sizes of these data: name them in plan.scales, "
            "and let the scale set data.rows."
        )
    return selected


def measure_size(config: Config, share: str = "1") -> dict[str, Any]:
    """Measure one number of rows, or a share of many series, in this process."""
    start = time.perf_counter()
    series = scaling_study.take_share(build.load_series(config), float(share))
    dataset = build.prepare_dataset(config, series, config.data["split"])
    loading = time.perf_counter() - start
    info = build.set_up_runtime(config)
    models = {
        name: scaling_study.measure_model(
            functools.partial(_set_up_training, member, dataset),
            dataset,
            batch_size=config.training.batch_size,
            seconds=config.plan.seconds,
        )
        for name, member in select_models(config).items()
    }
    return scaling_study.size_row(dataset, info, loading, models)


def _set_up_training(config: Config, dataset: ForecastDataset) -> scaling_study.TrainingSetup:
    from tsforecast.training.trainer import train_batches

    model = build_model.forecaster(config, dataset)
    trainer = build_training.trainer(config, model, instantiate(config.loss), 1000)
    windows = dataset.windows("train")
    batches = train_batches(trainer, windows, config.training.batch_size, config.seed)(0)
    return scaling_study.TrainingSetup(model, trainer, iter(batches))


if __name__ == "__main__":
    source, target, *arguments = sys.argv[1:]
    Path(target).write_text(json.dumps(measure_size(load(Path(source)), *arguments)))
