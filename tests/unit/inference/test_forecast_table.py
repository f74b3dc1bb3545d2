"""Forecast files of models that work in UTC say so, and their times are taken by the model again."""

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from tests.unit.data.sources.test_table import metadata_of, write
from tsforecast.data.sources.csv import load
from tsforecast.inference.forecast_table import TableWriter, forecast_table
from tsforecast.inference.forecasts import Forecasts
from tsforecast.inference.sliding import read_rows
from tsforecast.tables.file_source import FileSource

HOURS = np.datetime64("2024-01-01T00:00:00", "s") + np.arange(100) * np.timedelta64(1, "h")
TIMES = {
    "offset": [f"{time}Z" for time in HOURS],
    "unix": [str(number) for number in HOURS.astype(np.int64)],
    "local": [str(time) for time in HOURS],
}


def forecasts(metadata):
    made_at = HOURS[50:60]
    values = np.ones((10, metadata.horizon, 1), np.float32)
    return forecast_table(metadata, made_at, Forecasts(values, values, values), values, values)


@pytest.mark.parametrize("kind", TIMES)
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_times_of_forecasts_are_taken_by_the_model_again(tmp_path, kind, ending):
    metadata = metadata_of(load(str(write(tmp_path, TIMES[kind])), "load"))
    table, path = forecasts(metadata), tmp_path / f"out.{ending}"
    zone = None if kind == "local" else "UTC"
    assert table["time"].type == table["made_at"].type == pa.timestamp("s", zone)
    with TableWriter(path) as writer:
        writer.write(table)
    if ending == "csv":
        (first, *_) = (line.split(",")[0].strip('"') for line in path.read_text().splitlines()[1:])
        assert first.rstrip("Z").replace(" ", "T") == "2024-01-03T02:00:00"
        assert first.endswith("Z") == (zone is not None)
    else:
        assert str(pq.read_schema(path).field("time").type.tz) == str(zone)
    again = table.select(["made_at"]).append_column("load", pa.array(np.ones(len(table))))
    again = again.append_column("flow", pa.array(np.ones(len(table))))
    with TableWriter(path) as writer:
        writer.write(again)
    read = np.concatenate([rows.time for rows in read_rows(FileSource(path), metadata, "made_at")])
    np.testing.assert_array_equal(np.unique(read), HOURS[50:60])
