"""A series in files is prepared in pieces as one in memory is at once."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from tests.helpers.context_case import context_options
from tests.helpers.series_factory import make_series
from tsforecast.data.batches import batches, tf_dataset
from tsforecast.data.dataset import build_dataset
from tsforecast.data.series import Series
from tsforecast.data.stored_series import digest, store_series
from tsforecast.errors import UserError
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.storage.rows import chunks, is_mapped
from tsforecast.times.formats import TimeFormat

ROWS = 400
OPTIONS = {
    "lookback": 6,
    "lead": 2,
    "horizon": 3,
    "stride": 1,
    "split": {"train": 0.6, "val": 0.2, "test": 0.2},
}


def in_memory(offset=0.0) -> Series:
    values = np.random.default_rng(0).standard_normal((ROWS, 4)) + offset
    values[::7, 0] = values[:90, 1] = values[100:250, 2] = np.nan
    values[:, 3] = 5.0
    values[-1, 3] = 6.0
    return make_series(values=values, features=("load", "f1", "f2", "f3"))


def store(series, folder, key="key"):
    def write(writer):
        for rows in chunks(0, len(series), 33):
            writer.append(series.time[rows], series.values[rows])
        return series

    return store_series(folder, key, write)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    for module in ("row_facts", "stored_rows", "leakage"):
        monkeypatch.setattr(f"tsforecast.data.{module}.chunks", lambda first, stop: chunks(first, stop, 37))


def test_a_stored_series_is_the_series(tmp_path):
    series = in_memory()
    stored = store(series, tmp_path)
    assert is_mapped(stored.values)
    assert stored.data_hash() == series.data_hash()
    for name in ("features", "targets", "season", "unit", "known_ahead", "notes", "name", "recipe", "step"):
        assert getattr(stored, name) == getattr(series, name)
    np.testing.assert_array_equal(stored.values, series.values)
    np.testing.assert_array_equal(stored.time, series.time)
    assert stored.stored_range == (0, ROWS)
    assert stored.newest(50).stored_range == (ROWS - 50, ROWS)
    assert stored.newest(50).data_hash() == series.newest(50).data_hash()
    assert replace(stored, values=stored.values.copy()).stored_range is None


@pytest.mark.parametrize("offset", [0.0, 1e9])
@pytest.mark.parametrize(("ahead", "kind"), [((), None), (("f3",), None), (("f3",), "events"), ((), "daily")])
def test_scaled_rows_and_batches_are_those_in_memory(tmp_path, offset, ahead, kind):
    series = in_memory(offset)
    series = replace(series, known_ahead=series.features[-1:])
    options = OPTIONS | {"future_covariates": series.features[-1:] if ahead else ()}
    if kind:
        options["context"] = context_options(kind, spans=["5min", "45min"])
    expected = build_dataset(series, **options)
    stored = store(series, tmp_path)
    for _ in range(2):  # written, and found again
        found = build_dataset(stored, **options)
        assert is_mapped(found.inputs)
        assert found.channels == expected.channels
        assert found.series.notes == expected.series.notes
        np.testing.assert_allclose(found.scaler.mean, expected.scaler.mean, rtol=1e-14)
        np.testing.assert_allclose(found.scaler.scale, expected.scaler.scale, rtol=1e-9)
        np.testing.assert_allclose(found.inputs, expected.inputs, atol=1e-6)
        np.testing.assert_allclose(found.truths, expected.truths, atol=1e-6)
    same = build_dataset(stored, **options, scaler=expected.scaler)
    np.testing.assert_array_equal(same.inputs, expected.inputs)
    np.testing.assert_array_equal(same.truths, expected.truths)
    order = {"batch_size": 8, "seed": 1, "repeat": False}
    for stream in (batches, tf_dataset):
        pairs = zip(
            stream(same.windows("train"), **order), batches(expected.windows("train"), **order), strict=True
        )
        for mine, other in pairs:
            np.testing.assert_array_equal(np.asarray(mine[0]), other[0])
            np.testing.assert_array_equal(np.asarray(mine[1]), other[1])


def test_the_refusals_are_those_in_memory(tmp_path):
    series = in_memory()
    for number, (column, rows) in enumerate(((0, slice(320, None)), (1, slice(None)), (0, slice(0, 240)))):
        values = series.values.copy()
        values[rows, column] = np.nan if number < 2 else 3.0
        changed, messages = replace(series, values=values), []
        for one in (changed, store(changed, tmp_path, str(number))):
            with pytest.raises(UserError) as caught:
                build_dataset(one, **OPTIONS)
            messages.append(str(caught.value))
        assert messages[0] == messages[1]


def test_another_split_and_other_rows_are_stored_apart(tmp_path):
    stored = store(in_memory(), tmp_path)
    build_dataset(stored, **OPTIONS)
    count = len(list(tmp_path.glob("[!.]*")))
    build_dataset(stored, **OPTIONS)
    assert len(list(tmp_path.glob("[!.]*"))) == count == 2
    build_dataset(stored, **OPTIONS | {"split": {"train": 0.5, "val": 0.2, "test": 0.3}})
    first = replace(stored, time=stored.time[:300], values=stored.values[:300])
    dataset = build_dataset(first, **OPTIONS)
    assert len(dataset.inputs) == 300
    assert len(list(tmp_path.glob("[!.]*"))) == 4
    assert digest(a=1, b=2) == digest(b=2, a=1)


def test_codes_of_categories_are_stored_unscaled(tmp_path):
    recipe = ReadingRecipe(TimeFormat(("time",), "%Y"), (), categories={"f1": ("idle", "run")})
    values = in_memory().values
    values[:, 1] = np.tile([2.0, 3.0, np.nan, 0.0], ROWS // 4)
    series = make_series(values=values, features=("load", "f1", "f2", "f3"), recipe=recipe)
    expected, stored = build_dataset(series, **OPTIONS), build_dataset(store(series, tmp_path), **OPTIONS)
    assert is_mapped(stored.inputs)
    np.testing.assert_array_equal(stored.inputs[:4, 1], [2, 3, 1, 0])
    np.testing.assert_array_equal(stored.inputs[:, 1], expected.inputs[:, 1])
    assert stored.series.notes == expected.series.notes


def test_a_pipeline_over_a_mapped_file_does_not_copy_it(tmp_path):
    code = """
import sys
from pathlib import Path
import numpy as np
from tsforecast.data.batches import tf_dataset
from tsforecast.data.windows import Windows, window_ends
from tsforecast.storage.rows import RowFile, map_rows
with RowFile(Path(sys.argv[1]), np.float32) as file:
    for _ in range(64):
        file.append(np.ones((1 << 18, 4)))
rows = map_rows(Path(sys.argv[1]), np.float32, (4,), random=True)
border, shape = (0, len(rows)), {"lookback": 4, "lead": 1, "horizon": 1}
windows = Windows(rows, rows, window_ends(border, **shape, stride=1, inside=True), **shape, border=border)
next(iter(tf_dataset(windows.limited(1000), batch_size=8, seed=0)))
anonymous = lambda: int(Path("/proc/self/status").read_text().split("RssAnon:")[1].split()[0]) * 1024
before = anonymous()
stream = iter(tf_dataset(windows, batch_size=8, seed=0, shuffle=False))
next(stream)
added = anonymous() - before
assert added < rows.nbytes / 2, added
"""
    path = str(tmp_path / "rows")
    subprocess.run([sys.executable, "-c", code, path], check=True, capture_output=True)
