"""Missing values in requests: markers as in files, null for models with observed masks."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from tests.helpers.serving_case import CHANNELS, LOOKBACK, make_metadata, make_rows, make_task, window_json
from tsforecast.errors import UserError
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.serving import requests
from tsforecast.times.formats import TimeFormat
from tsforecast.times.frequency import Frequency
from tsforecast.times.time_grid import TimeGrid

TIME, COLUMNS = make_rows(40)
PLAIN = ModelMetadata.from_task(make_task(), make_metadata())
RECIPE = ReadingRecipe(
    TimeFormat(("time",), "iso"), ("load",), TimeGrid(Frequency(60)), missing_values=(-9999.0, "off")
)
MARKED = replace(PLAIN, recipe=RECIPE)
MASKED = ModelMetadata.from_task(
    make_task(channels=5),
    make_metadata(
        channels=[*CHANNELS, "load@observed"],
        scaler={
            "mean": [2.0, 1.0, 0, 0, 0],
            "scale": [0.5, 2.0, 0.7, 0.7, 1],
            "target_indices": [0],
            "masked": [0],
        },
    ),
)


def body(changes):
    window = window_json(TIME, COLUMNS, 20)
    for row, value in changes.items():
        window["values"][row][0] = value
    return json.dumps({"windows": [window]}).encode()


def test_markers_are_missing_and_the_last_value_counts():
    batch = requests.from_json(body({3: -9999, 4: "off", LOOKBACK - 1: -9999.0}), MARKED, 1)
    load = COLUMNS["load"][20 - LOOKBACK + 1 : 21].copy()
    load[3] = load[4] = load[2]
    load[-1] = load[-2]
    np.testing.assert_allclose(batch.past[0, :, 0], (load - 2.0) / 0.5, rtol=1e-6)
    assert batch.last[0, 0] == load[-1]
    assert batch.notes == ("3 values of 'load' are missing; the last one before each counts.",)


def test_a_window_that_begins_with_a_missing_value_is_refused():
    with pytest.raises(
        UserError, match=r"windows\[0\].values\[0\]: the value of 'load' is missing, and the window"
    ):
        requests.from_json(body({0: -9999}), MARKED, 1)


def test_null_is_for_models_with_masks():
    with pytest.raises(UserError, match="is missing or not a number"):
        requests.from_json(body({3: None}), MARKED, 1)
    batch = requests.from_json(body({3: None}), MASKED, 1)
    assert batch.past[0, :, 4].tolist() == [0.0 if row == 3 else 1.0 for row in range(LOOKBACK)]
    assert batch.past[0, 3, 0] == batch.past[0, 2, 0]
    assert batch.notes


@pytest.mark.parametrize(("metadata", "value"), [(MARKED, -9999.0), (MASKED, None)])
def test_arrow_follows_the_same_rule(metadata, value):
    load = COLUMNS["load"][:LOOKBACK].tolist()
    load[3] = value
    table = pa.table(
        {
            "time": pa.array(TIME[:LOOKBACK]).cast(pa.timestamp("s")),
            "load": load,
            "pressure": COLUMNS["pressure"][:LOOKBACK],
        }
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    batch = requests.from_arrow(sink.getvalue().to_pybytes(), metadata, 1)
    assert batch.past[0, 3, 0] == batch.past[0, 2, 0]
    assert len(batch.notes) == 1


def test_a_truth_that_is_a_marker_is_left_out():
    rows = {"rows": [{"time": "2024-01-01T00:00:00", "values": {"load": value}} for value in (-9999, 1.5)]}
    count, truths = requests.read_truths(json.dumps(rows).encode(), MARKED, 2)
    assert (count, [truth.value for truth in truths]) == (2, [1.5])
