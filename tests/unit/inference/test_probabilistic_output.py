"""What job=predict writes beyond a model's own quantiles, and what it refuses."""

import dataclasses

import numpy as np
import pytest

from tsforecast.errors import UserError
from tsforecast.inference.dependence import GRID, Dependence
from tsforecast.inference.forecast_table import TableWriter
from tsforecast.inference.forecasts import Forecasts
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.inference.options import PredictOptions
from tsforecast.inference.probabilistic_output import check_output, create_output
from tsforecast.models.task import Task

OPTIONS = PredictOptions(
    data=None,
    connection=None,
    out=None,
    time=None,
    stride=1,
    batch_size=32,
    levels=None,
    samples=0,
    samples_out=None,
)
TASK = Task(4, 1, 2, 2, (0,), quantile_levels=(0.1, 0.5, 0.9))
WHOLE = dataclasses.replace(TASK, distribution={"name": "normal"})
STORED = Dependence(np.random.default_rng(0).random((20, 2, 1)).astype("float32")).to_bytes()
METADATA = ModelMetadata.from_task(
    TASK,
    {
        "channels": ["load"],
        "targets": ["load"],
        "step_seconds": 60,
        "scaler": {"mean": [0.0], "scale": [1.0], "target_indices": [0]},
    },
)


def options(**changes):
    return dataclasses.replace(OPTIONS, **changes)


def test_nothing_is_added_unless_it_is_asked_for():
    assert create_output(OPTIONS, WHOLE, METADATA, STORED, None, seed=0) is None


def test_levels_are_added_and_the_band_stays():
    output = create_output(options(levels=[0.01]), WHOLE, METADATA, None, None, seed=0)
    assert output.levels == output.computed == [0.01, 0.1, 0.5, 0.9]
    quantiles = np.arange(4.0).reshape(1, 1, 1, 4)
    kept = output.keep(np.array([], "datetime64[s]"), Forecasts(quantiles[..., 2], None, None, quantiles))
    assert (kept.low.item(), kept.high.item(), kept.quantiles.shape) == (1.0, 3.0, (1, 1, 1, 4))


def test_paths_are_tidy_seeded_and_depend_on_the_window_alone(tmp_path):
    made_at = np.array(["2024-01-01T00:00", "2024-01-01T00:01"], "datetime64[s]")
    tables = {}
    for name, seed, windows in (("a", 0, slice(None)), ("b", 0, slice(1, 2)), ("c", 1, slice(1, 2))):
        with TableWriter(tmp_path / f"{name}.parquet") as writer:
            output = create_output(options(samples=5), WHOLE, METADATA, STORED, writer, seed)
            assert set(GRID) <= set(output.computed)
            values = np.tile(np.linspace(-2, 2, len(output.computed)), (2, 2, 1, 1))
            forecasts = Forecasts(values[..., 0], None, None, values)
            kept = output.keep(made_at[windows], forecasts.select(windows))
            assert kept.quantiles.shape[-1] == 3
            tables[name] = output.sampler.table(made_at[windows], forecasts.select(windows)).to_pydict()
    assert tables["a"]["sample"] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5] * 2
    assert [time.minute for time in tables["b"]["time"][:2]] == [3, 4]
    assert tables["a"]["value"][10:] == tables["b"]["value"] != tables["c"]["value"]


def test_what_a_model_cannot_do_is_refused_in_one_sentence():
    point = dataclasses.replace(TASK, quantile_levels=None)
    check_output(options(samples=3, levels=[0.2]), WHOLE, STORED, "run")
    check_output(options(samples=3), TASK, STORED, "run")
    with pytest.raises(UserError, match=r"predict.levels: run forecasts no whole distribution: train it"):
        check_output(options(levels=[0.2]), TASK, STORED, "run")
    with pytest.raises(UserError, match=r"predict.samples: run forecasts no quantiles"):
        check_output(options(samples=3), point, STORED, "run")
    with pytest.raises(UserError, match=r"no dependence\.npz"):
        check_output(options(samples=3), WHOLE, None, "run")


class Tables:
    def __init__(self):
        self.written = []

    def write(self, table):
        self.written.append(table)


def test_each_series_has_paths_of_its_own():
    made_at = np.array(["2024-01-01T00:00"], "datetime64[s]")
    output = create_output(options(samples=5), WHOLE, METADATA, STORED, None, seed=0)
    values = np.tile(np.linspace(-2, 2, len(output.computed)), (1, 2, 1, 1))
    forecasts = Forecasts(values[..., 0], None, None, values)

    def draw(name):
        tables = Tables()
        output_of_name = dataclasses.replace(output, writer=tables).select_series(
            name, lambda table: table.add_column(0, "meter", [[name] * table.num_rows])
        )
        output_of_name.keep(made_at, forecasts)
        return tables.written[0].to_pydict()

    north, south = draw("north"), draw("south")
    assert set(south["meter"]) == {"south"}
    assert north["value"] == draw("north")["value"] != south["value"]
