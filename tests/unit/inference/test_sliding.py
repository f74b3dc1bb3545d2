"""A file read as a stream gives the windows that training would make of it, in any block size."""

import gzip

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.helpers.context_case import context_dataset, context_metadata, draw_values
from tests.helpers.serving_case import CHANNELS, LOOKBACK, make_metadata, make_rows, make_task
from tsforecast.data.filling import carry_forward
from tsforecast.errors import UserError
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.inference.missing import MissingStretches
from tsforecast.inference.sliding import read_rows, segments
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.tables import csv_table, table
from tsforecast.tables.file_source import FileSource
from tsforecast.times.formats import TimeFormat
from tsforecast.times.frequency import Frequency
from tsforecast.times.grid import GridStream, regularize

METADATA = ModelMetadata.from_task(make_task(), make_metadata())


def csv_text(time, columns, stamp="{}", separator=","):
    lines = [separator.join(["time", *columns, "comment"])]
    for row in range(len(time)):
        values = ["" if np.isnan(c[row]) else f"{c[row]!r}" for c in columns.values()]
        lines.append(separator.join([stamp.format(str(time[row]).replace("T", " ")), *values, "x"]))
    return "\n".join(lines) + "\n"


def plain(columns):
    return {name: [float(v) for v in values] for name, values in columns.items()}


def as_columns(columns):
    return {name: np.array(values) for name, values in plain(columns).items()}


def collect(path, metadata=METADATA, stride=1, time=None):
    made_at, past, truths = [], [], {}
    for segment in segments(read_rows(FileSource(path), metadata, time), metadata, stride):
        made_at.append(segment.time[segment.ends])
        past.append(segment.windows(segment.ends))
        truths |= dict(zip(segment.time.tolist(), segment.truths[:, 0].tolist(), strict=True))
    return np.concatenate(made_at), np.concatenate(past), truths


def write_csv(path, time, columns, **options):
    text = csv_text(time, {k: [float(x) for x in v] for k, v in columns.items()}, **options)
    path.write_text(text)
    return path


@pytest.fixture(params=[300, 1 << 22], ids=["small blocks", "one block"])
def block_size(request, monkeypatch):
    monkeypatch.setattr(csv_table, "BLOCK_BYTES", request.param)
    monkeypatch.setattr(table, "BATCH_ROWS", request.param)


def expected(time, columns):
    """What training makes of the same rows: regular, scaled, filled."""
    raw = np.stack([columns["load"], columns["pressure"]], axis=1)
    _, stamps, values, _ = regularize(time.astype("datetime64[ns]"), raw, Frequency(60))
    named = {"load": values[:, 0], "pressure": values[:, 1]}
    inputs = METADATA.inputs(stamps, METADATA.rows(stamps, named))
    for index in range(inputs.shape[1]):
        inputs[:, index] = carry_forward(inputs[:, index], before=0.0)
    ends = np.arange(LOOKBACK - 1, len(stamps))
    ends = ends[[not np.isnan(values[end - LOOKBACK + 1 : end + 1]).all() for end in ends]]
    return stamps[ends], inputs[ends[:, None] + np.arange(1 - LOOKBACK, 1)]


def messy_rows():
    """Missing values, missing rows, doubles, and times that are a little off, in the order of time."""
    time, columns = make_rows(200)
    columns["load"][[0, 1, 50]] = np.nan
    columns["pressure"][30:60] = np.nan
    columns["load"][30:45] = np.nan
    keep = np.ones(200, bool)
    keep[[70, 71, 72, 100, *range(120, 140)]] = False
    order = np.sort(np.append(np.flatnonzero(keep), [10, 11]))
    time, columns = time[order], {name: values[order] for name, values in columns.items()}
    time = time + np.where(np.arange(len(time)) % 17 == 0, np.timedelta64(3, "s"), np.timedelta64(0, "s"))
    return np.sort(time), columns


def test_messy_rows_give_the_windows_of_training(tmp_path, block_size):
    time, columns = messy_rows()
    path = write_csv(tmp_path / "rows.csv", time, columns)
    made_at, past, _ = collect(path)
    wanted_at, wanted = expected(time, columns)
    assert np.array_equal(made_at, wanted_at)
    assert np.array_equal(past, wanted)


@pytest.mark.parametrize("kind", ["parquet", "gz", "semicolon", "latin", "day first"])
def test_every_kind_of_file_gives_the_same(tmp_path, block_size, kind):
    time, columns = make_rows(120, start=np.datetime64("2024-02-01T23:00:00", "s"))
    path = tmp_path / f"rows.{kind.replace(' ', '_')}"
    if kind == "parquet":
        pq.write_table(pa.table({"time": time, **columns}), path)
    elif kind == "gz":
        path.write_bytes(gzip.compress(csv_text(time, plain(columns)).encode()))
    elif kind == "semicolon":
        path.write_text(csv_text(time, plain(columns), separator=";").replace(".", ","))
    elif kind == "latin":
        path.write_bytes(csv_text(time, plain(columns)).replace("comment", "Bemerkung für").encode("latin-1"))
    else:
        text = csv_text(time, plain(columns))
        path.write_text(text.replace("2024-02-01", "01/02/2024").replace("2024-02-02", "02/02/2024"))
    made_at, past, truths = collect(path)
    wanted_at, wanted = expected(time, columns)
    assert np.array_equal(made_at, wanted_at)
    assert np.array_equal(past, wanted)
    assert list(truths.values()) == pytest.approx(columns["load"].tolist())


def test_a_long_gap_is_jumped_over(tmp_path):
    time, columns = make_rows(60)
    time[40:] += np.timedelta64(400, "D")
    made_at, past, _ = collect(write_csv(tmp_path / "rows.csv", time, columns))
    # From the first window to the last one with a reading before the gap, and from the first reading behind it.
    before = time[LOOKBACK - 1] + np.arange(40) * np.timedelta64(60, "s")
    assert np.array_equal(made_at, np.concatenate([before, time[40:]]))
    assert (past[40, :-1, 0] == past[39, -1, 0]).all()


@pytest.mark.parametrize("kind", ["events", "daily"])
@pytest.mark.parametrize(("seed", "gap"), [(0, 0), (1, 3), (2, 30), (3, 120)])
def test_the_context_of_a_file_is_that_of_training_to_the_last_bit(tmp_path, block_size, kind, seed, gap):
    values = draw_values(400, seed)
    values[60 : 60 + gap] = np.nan  # of which the file lacks the rows
    dataset = context_dataset(values, kind)
    metadata = context_metadata(dataset)
    assert metadata.history == dataset.scaler.context.history > LOOKBACK
    rows = np.delete(np.arange(400), np.arange(60, 60 + gap))
    named = {"load": values[rows, 0], "pressure": values[rows, 1]}
    made_at, past, _ = collect(write_csv(tmp_path / "rows.csv", dataset.series.time[rows], named), metadata)
    ends = np.searchsorted(dataset.series.time, made_at)
    assert len(ends) > 300 - gap
    assert np.array_equal(past, dataset.inputs[ends[:, None] + np.arange(1 - LOOKBACK, 1)])


def test_a_stride_keeps_every_nth_place(tmp_path):
    path = write_csv(tmp_path / "rows.csv", *make_rows(100))
    every, _, _ = collect(path)
    fifth, _, _ = collect(path, stride=5)
    assert set(np.diff(fifth).astype(int)) == {300}
    assert set(fifth) <= set(every)


def test_future_covariates_come_from_rows_behind_or_from_the_time(tmp_path):
    stored = make_metadata(channels=[*CHANNELS, "pressure@+3", "minute_of_day_sin@+3"])
    stored["scaler"] = {"mean": [0.0] * 6, "scale": [1.0] * 6, "target_indices": [0]}
    metadata = ModelMetadata.from_task(make_task(channels=6), stored)
    time, columns = make_rows(50)
    made_at, past, _ = collect(write_csv(tmp_path / "rows.csv", time, columns), metadata)
    assert made_at[-1] == time[-4]
    later = columns["pressure"][LOOKBACK - 1 + 3 :]
    assert past[:, -1, 4] == pytest.approx(later, abs=1e-6)
    assert np.allclose(past[:-3, -1, 5], past[3:, -1, 2])


def test_rows_that_go_back_in_time_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_table, "BLOCK_BYTES", 300)
    time, columns = make_rows(100)
    path = write_csv(tmp_path / "rows.csv", np.roll(time, 30), columns)
    with pytest.raises(UserError, match="go back in time"):
        collect(path)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda text: text.replace("pressure", "presure"), "'pressure' is missing. Did you mean 'presure'"),
        (lambda text: text.replace("time", "when", 1).replace("2024", "x"), "No column reads as time"),
        (lambda text: "", "is empty"),
        (lambda text: text.splitlines()[0] + "\n", "has no row"),
        (lambda text: text.replace(",x", ",x,y", 3), "cannot be read to its end"),
        (lambda text: text.replace("1.", "one.", 1), "which is not a number"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, change, sentence):
    path = tmp_path / "rows.csv"
    path.write_text(change(csv_text(make_rows(30)[0], plain(make_rows(30)[1]))))
    with pytest.raises(UserError, match=sentence):
        collect(path)


def test_another_step_is_refused(tmp_path):
    time, columns = make_rows(50)
    hourly = time[0] + np.arange(50) * np.timedelta64(3600, "s")
    with pytest.raises(UserError, match="1 h apart and the model's 1 min"):
        collect(write_csv(tmp_path / "rows.csv", hourly, columns))


def test_the_grid_gives_each_row_the_place_that_regularize_does():
    time, columns = messy_rows()
    values = np.stack(list(columns.values()), axis=1)
    _, stamps, wanted, _ = regularize(time.astype("datetime64[ns]"), values, Frequency(60))
    grid, places, given = GridStream(Frequency(60), pad=100), [], []
    for first in range(0, len(time), 7):
        place, some = grid.add(time[first : first + 7].astype("datetime64[ns]"), values[first : first + 7])
        places.append(place)
        given.append(some)
    place, some = grid.finish()
    assert np.array_equal(grid.times(np.concatenate([*places, place])), stamps)
    assert np.array_equal(np.concatenate([*given, some]), wanted, equal_nan=True)


def test_a_gap_too_long_to_fill_is_reported(tmp_path, block_size):
    time, columns = make_rows(200)
    keep = np.ones(200, bool)
    keep[60:120] = False
    path = write_csv(
        tmp_path / "rows.csv", time[keep], {name: values[keep] for name, values in columns.items()}
    )
    missing = MissingStretches(METADATA.lookback)
    for segment in segments(read_rows(FileSource(path), METADATA), METADATA, 1, missing):
        del segment
    assert missing.warnings()[0].startswith(
        f"Warning: the rows have a gap of 60 steps from {time[59]} to {time[120]},"
    )


TWO_COLUMNS = TimeFormat(("date", "clock"), "%d/%m/%Y", "%H:%M")


def read_with_recipe(path, text, time):
    path.write_text(text)
    recipe = ReadingRecipe(TWO_COLUMNS, ("load", "pressure"))
    metadata = ModelMetadata.from_task(make_task(), make_metadata(recipe=recipe.to_dict()))
    return np.concatenate([rows.time for rows in read_rows(FileSource(path), metadata, time)])


def test_one_time_column_instead_of_two_is_iso_and_never_guessed(tmp_path):
    good = "at,load,pressure\n2024-03-04 00:00,1,2\n2024-03-04 00:01,1,2\n"
    assert str(read_with_recipe(tmp_path / "a.csv", good, "at")[0])[:16] == "2024-03-04T00:00"
    with pytest.raises(UserError, match="'03/04/2024 00:00' in column 'at'"):
        read_with_recipe(tmp_path / "b.csv", good.replace("2024-03-04", "03/04/2024"), "at")
    with pytest.raises(UserError, match=r"predict\.time names 3 columns"):
        read_with_recipe(tmp_path / "c.csv", good, ["at", "load", "pressure"])
