"""Data frames give the same series as files; the libraries are needed by those who have frames of them."""

import numpy as np
import polars
import pyarrow as pa
import pytest

from tsforecast.data.sources.frame import load
from tsforecast.errors import UserError
from tsforecast.tables import table
from tsforecast.tables.frame import FrameSource
from tsforecast.tables.streaming import stream_rows
from tsforecast.tables.table import Hints

HOURS = np.arange("2024-01-01T00", "2024-01-11T00", dtype="datetime64[h]").astype("datetime64[s]")
LOAD = np.arange(240) % 24 + 0.25
COLUMNS = {"time": HOURS, "load": LOAD, "site": ["A"] * 240}


def polars_frame():
    sites = polars.Series(["A"] * 240, dtype=polars.Categorical)
    return polars.DataFrame({"time": HOURS.astype("datetime64[us]"), "load": LOAD, "site": sites})


FRAMES = {
    "dict": lambda: COLUMNS,
    "arrow": lambda: pa.table(COLUMNS),
    "batches": lambda: pa.RecordBatchReader.from_batches(
        pa.table(COLUMNS).schema, pa.table(COLUMNS).to_batches(50)
    ),
    "polars": polars_frame,
}


@pytest.mark.parametrize("kind", FRAMES)
def test_every_kind_of_frame_is_read(kind):
    series = load(FRAMES[kind](), "load", calendar=False)
    assert (series.features, series.name, series.step) == (("load",), "frame", 3600)
    np.testing.assert_array_equal(series.time, HOURS)
    np.testing.assert_array_equal(series.column("load"), LOAD)
    assert series.notes == ("Column 'site' is not numeric ('A' in row 1) and was left out.",)


def test_later_frames_are_read_by_the_recipe_in_pieces(monkeypatch):
    monkeypatch.setattr(table, "BATCH_ROWS", 100)
    text = [str(time)[:10][8:] + "/" + str(time)[5:7] + "/2024 " + str(time)[11:16] for time in HOURS]
    recipe = load({"time": text, "load": LOAD}, "load").recipe
    assert recipe.time.pattern == "%d/%m/%Y %H:%M"
    opened = FrameSource(polars.DataFrame({"load": LOAD[:120], "time": text[:120]})).open(
        Hints.from_recipe(recipe)
    )
    rows = list(stream_rows(opened, ["load"], recipe.time, recipe))
    assert [len(piece.time) for piece in rows] == [100, 20]
    np.testing.assert_array_equal(rows[0].time, HOURS[:100])
    series = load({"time": text[:48], "load": LOAD[:48]}, "load", recipe=recipe)
    np.testing.assert_array_equal(series.time, HOURS[:48])
    with pytest.raises(UserError, match=r"data.time: '2024-13-01' in column 'time' .row 2."):
        load({"time": [text[0], "2024-13-01"], "load": [1.0, 2.0]}, "load", recipe=recipe)


@pytest.mark.parametrize(
    ("frame", "match"),
    [
        ([1, 2], "data is a list: give a data frame"),
        ({"time": [1, "a"]}, "cannot be converted"),
        ({"time": HOURS[:1], "load": [1.0]}, "one row only"),
        ({"load": [1.0, 2.0]}, "No column reads as time"),
        (pa.table([HOURS, LOAD, LOAD], names=["time", "load", "load"]), "two columns named 'load'"),
        ({"time": HOURS, "load": [{"x": 1.0}] * 240}, "'load' is not numeric .it holds no numbers"),
        ({"time": HOURS, "load": [[1.0]] * 240}, "'load' is not numeric .it holds lists"),
    ],
)
def test_what_is_not_a_series_is_refused(frame, match):
    with pytest.raises(UserError, match=match):
        load(frame, "load")


def test_frames_of_pandas_have_their_index_as_a_column():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"load": LOAD, 7: LOAD}, index=HOURS)
    series = load(frame, "load", calendar=False)
    assert (series.recipe.time.columns, series.features) == (("index",), ("load", "7"))
    np.testing.assert_array_equal(series.time, HOURS)
    named = load(frame.rename_axis("when"), "load")
    assert named.recipe.time.columns == ("when",)
    assert len(load(frame["load"], "load")) == 240
    days = pandas.DataFrame({"load": LOAD}, index=pandas.period_range("2000-01-31", periods=240, freq="D"))
    assert load(days, "load").time[1] == np.datetime64("2000-02-01")
    selected = pandas.DataFrame({"time": HOURS, "load": LOAD}).query("load > 1")[::-1]
    reread = load(selected, "load", calendar=False)
    assert reread.features == ("load",)
    assert reread.notes[0] == "The nameless index of the data frame, which counts its rows, was left out."
    extended = pandas.DataFrame({"time": HOURS, "load": pandas.array(LOAD.astype(int), "Int64")})
    extended.loc[3, "load"] = pandas.NA
    assert np.isnan(load(extended, "load").column("load")[3])
