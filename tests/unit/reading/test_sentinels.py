"""Numbers that stand for missing values are reported, and missing once that is stated."""

import numpy as np
import pytest

from tsforecast.data.sources.csv import load
from tsforecast.errors import UserError
from tsforecast.reading.sentinels import find_sentinels
from tsforecast.tables.file_source import FileSource
from tsforecast.tables.streaming import stream_rows


def write(folder, columns):
    times = np.datetime64("2024-01-01T00:00") + np.arange(len(columns["load"])) * np.timedelta64(60, "m")
    rows = [",".join([str(t), *(str(c[i]) for c in columns.values())]) for i, t in enumerate(times)]
    path = folder / "plant.csv"
    path.write_text("\n".join([",".join(["time", *columns]), *rows]) + "\n")
    return str(path)


def wave(sentinel, count=5):
    values = [round(20 + 5 * np.sin(i / 4), 2) for i in range(100)]
    values[10 : 10 + count] = [sentinel] * count
    return values


@pytest.mark.parametrize("sentinel", [-9999, -200, 1e20, 999, -1e30])
def test_a_sentinel_is_reported_and_may_be_made_missing(tmp_path, sentinel):
    path = write(tmp_path, {"load": wave(sentinel), "flow": wave(sentinel, 7), "heat": wave(21.0)})
    series = load(path, "load", calendar=False)
    assert series.column("load")[10] == sentinel
    (note,) = series.notes
    assert note.startswith(
        f"{sentinel:.12g} occurs 5 times in 'load', 7 times in 'flow', far from all other values"
    )
    assert f"data.missing_values=[{sentinel:.12g}]" in note
    clean = load(path, "load", calendar=False, missing_values=[sentinel])
    assert clean.notes == ()
    assert np.isnan(clean.column("load")).sum() == 5
    assert clean.recipe.missing_values == (sentinel,)
    again = load(path, "load", calendar=False, recipe=clean.recipe)
    np.testing.assert_array_equal(again.values, clean.values)
    (rows,) = stream_rows(FileSource(path).open(), ["load"], clean.recipe.time, clean.recipe)
    np.testing.assert_array_equal(rows.columns["load"], clean.column("load"))


def test_texts_may_be_made_missing(tmp_path):
    path = write(tmp_path, {"load": wave("err")})
    with pytest.raises(UserError, match=r"'load' is not numeric .it holds 'err'"):
        load(path, "load")
    series = load(path, "load", calendar=False, missing_values=["err", -1])
    assert np.isnan(series.column("load")).sum() == 5


def test_two_sentinels_of_one_side_are_both_found():
    values = np.array([*np.linspace(3, 9, 50), *[-9999] * 3, *[-8888] * 4, *[1e20] * 5])
    assert sorted(find_sentinels(values[:57])) == [(-9999.0, 3), (-8888.0, 4)]


@pytest.mark.parametrize(
    "values",
    [
        np.tile([0.0, 1.0], 50),
        np.append(np.zeros(90), np.full(10, 100.0)),
        np.append(np.linspace(0, 9, 50), [-200, -200]),
        np.append(np.linspace(0, 9, 50), np.full(20, 12.0)),
        np.full(20, np.nan),
        np.random.default_rng(0).exponential(size=1000).round(1) * 100,
    ],
    ids=["binary", "two levels", "twice", "near", "missing", "spikes"],
)
def test_ordinary_values_are_not_taken_for_sentinels(values):
    assert list(find_sentinels(values)) == []


@pytest.mark.parametrize("markers", [[True], [None], [[1]]])
def test_markers_are_numbers_or_texts(tmp_path, markers):
    with pytest.raises(UserError, match=r"data.missing_values contains"):
        load(write(tmp_path, {"load": wave(1)}), "load", missing_values=markers)
