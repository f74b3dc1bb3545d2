"""A file that is read in pieces into the cache gives the series that reading it at once gives."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from tsforecast.data.sources import cached, csv
from tsforecast.errors import UserError
from tsforecast.storage.rows import is_mapped
from tsforecast.tables import csv_table, table

ROWS = 3000
START = np.datetime64("2024-01-01T00:00:00", "s")


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(csv_table, "BLOCK_BYTES", 20_000)
    monkeypatch.setattr(table, "BATCH_ROWS", 700)


def make_rows(step=60):
    numbers = np.random.default_rng(0)
    time = START + np.arange(ROWS) * np.timedelta64(step, "s")
    load = 1e9 + numbers.standard_normal(ROWS).round(3)
    return {
        "time": pa.array(time),
        "load": pa.array(load, mask=numbers.random(ROWS) < 0.05),
        "flow": pa.array(numbers.integers(0, 50, ROWS)),
        "site": pa.array(["A", "B"] * (ROWS // 2)),
    }


def as_text(columns, separator=","):
    decimal = "," if separator == ";" else "."
    time = [str(value).replace("T", " ") for value in columns["time"].to_numpy()]
    load = [
        "" if value is None else f"{value:.3f}".replace(".", decimal) for value in columns["load"].to_pylist()
    ]
    rows = zip(time, load, columns["flow"].to_pylist(), columns["site"].to_pylist(), strict=True)
    header = separator.join(("time", "load", "flow", "site"))
    return "\n".join([header, *(separator.join(map(str, row)) for row in rows)]) + "\n"


def write(folder, kind, columns):
    path = folder / f"rows.{kind}"
    if kind == "parquet":
        pq.write_table(pa.table(columns), path, row_group_size=1000)
    else:
        path.write_text(as_text(columns, ";" if kind == "semicolon" else ","))
    return path


def keep(columns, rows):
    return {name: column.take(pa.array(rows)) for name, column in columns.items()}


LAYOUTS = {
    "regular": np.arange(ROWS),
    "gaps": np.delete(np.arange(ROWS), [*range(700, 760), 1400, *range(2990, 2999)]),
    "repeated": np.sort(np.append(np.arange(ROWS), [20, 699, 700, 1399, 2998])),
    "swapped": np.arange(ROWS)[[*range(500), 501, 500, *range(502, ROWS)]],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", ["parquet", "csv", "semicolon"])
def test_values_notes_hash_and_recipe_are_those_in_memory(tmp_path, kind, layout):
    path = write(tmp_path, kind, keep(make_rows(), LAYOUTS[layout]))
    expected = csv.load(path, "load", cache=False)
    series = [csv.load(path, "load", cache=True, cache_folder=str(tmp_path / "cache")) for _ in range(2)]
    for one in series:
        assert is_mapped(one.values)
        np.testing.assert_array_equal(one.values, expected.values)
        np.testing.assert_array_equal(one.time, expected.time)
        assert replace(one, time=0, values=0, stored=None) == replace(expected, time=0, values=0)
        assert one.data_hash() == expected.data_hash()
    assert len([entry for entry in (tmp_path / "cache").iterdir() if entry.is_dir()]) == 1


@pytest.mark.parametrize(
    "options",
    [
        {"rows": 1234},
        {"where": "site = 'B'"},
        {"calendar": False},
        {"duplicates": "mean"},
        {"features": ["load"]},
    ],
    ids=str,
)
def test_options_count_as_in_memory(tmp_path, options):
    path = write(tmp_path, "csv", make_rows())
    expected = csv.load(path, "load", cache=False, **options)
    series = csv.load(path, "load", cache=True, cache_folder=str(tmp_path / "cache"), **options)
    np.testing.assert_array_equal(series.values, expected.values)
    assert (series.features, series.notes) == (expected.features, expected.notes)


def test_the_key_is_the_content_and_the_options_and_not_the_path(tmp_path):
    columns, folder = make_rows(), tmp_path / "cache"

    def count(path, **options):
        csv.load(path, "load", cache=True, cache_folder=str(folder), **options)
        return len([entry for entry in folder.iterdir() if entry.is_dir()])

    first = write(tmp_path, "csv", columns)
    assert count(first) == 1
    (tmp_path / "copy.csv").write_bytes(first.read_bytes())
    assert count(tmp_path / "copy.csv") == 1
    series = csv.load(tmp_path / "copy.csv", "load", cache=True, cache_folder=str(folder))
    assert series.name == "copy"
    assert count(first, recipe=series.recipe) == 1
    assert count(first, calendar=False) == 2
    first.write_text(first.read_text().replace("1000000000.126", "1000000000.127"))
    assert count(first) == 3


def test_rows_that_contradict_the_first_ones_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(cached, "HEAD_ROWS", 500)
    lines = as_text(make_rows()).splitlines()
    options = {"cache": True, "cache_folder": str(tmp_path / "cache")}
    for number, (line, message) in enumerate(
        (
            ("2024-01-02 20:00:00,off,3,A", r"'off' .* not a number.*first 500 rows decide"),
            ("2024-13-02 20:00:00,1,3,A", r"2024-13-02.* is not a time"),
            ("2023-01-02 20:00:00,1,3,A", r"go back in time.*sort them"),
            ("2094-01-02 20:00:00,1,3,A", r"gap of 36,\d+,\d+ steps"),
        )
    ):
        path = tmp_path / f"{number}.csv"
        path.write_text("\n".join([*lines[:2641], line, *lines[2642:]]))
        with pytest.raises(UserError, match=message):
            csv.load(path, "load", **options)
    assert not [entry for entry in (tmp_path / "cache").iterdir() if entry.is_dir()]


def test_auto_goes_by_the_size_and_the_free_memory(tmp_path, monkeypatch):
    options = {"cache_folder": str(tmp_path / "cache")}
    for kind in ("csv", "parquet"):
        path = write(tmp_path, kind, make_rows())
        assert not is_mapped(csv.load(path, "load", **options).values)
        monkeypatch.setattr(cached, "system_memory", lambda: (10**6, 10**5))
        assert is_mapped(csv.load(path, "load", **options).values)
        assert not is_mapped(csv.load(path, "load", cache=False, **options).values)
        monkeypatch.undo()
    with pytest.raises(UserError, match=r"data\.cache is 'yes': write auto, true or false"):
        csv.load(path, "load", cache="yes")
