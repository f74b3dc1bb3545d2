"""Folders of files: one recipe, the order of time, and a file that does not fit is refused by name, row and value."""

import gzip
import lzma

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsforecast.data.sources.csv import load
from tsforecast.errors import UserError
from tsforecast.tables import csv_table
from tsforecast.tables.file_source import FileSource
from tsforecast.tables.merging import Rows, Stream, merge_rows
from tsforecast.tables.streaming import stream_rows
from tsforecast.tables.table import Hints

START = np.datetime64("2024-01-01T00:00:00")


def lines(first, count, header="time,load,flow", pattern="{time},{i}.5,{i}"):
    times = START + (first + np.arange(count)) * np.timedelta64(3600, "s")
    rows = [pattern.format(time=str(time).replace("T", " "), i=first + k) for k, time in enumerate(times)]
    return "\n".join([header, *rows]) + "\n"


def write(folder, **files):
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_csv", ".csv").replace("_gz", ".gz").replace(
            "_xz", ".xz"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        raw = content.encode()
        path.write_bytes(
            gzip.compress(raw)
            if path.suffix == ".gz"
            else lzma.compress(raw)
            if path.suffix == ".xz"
            else raw
        )
    return str(folder)


def read(path, **options):
    return load(path, options.pop("target", "load"), calendar=False, **options)


def streamed(path, series, features=("load",)):
    opened = FileSource(path).open(Hints.from_recipe(series.recipe))
    rows = Rows.join(list(stream_rows(opened, features, series.recipe.time, series.recipe)))
    return rows.time, rows.columns["load"]


def test_files_are_one_series_in_the_order_of_time(tmp_path):
    path = write(
        tmp_path,
        a_csv=lines(60, 40),
        b_csv_gz=lines(0, 30, "flow,time,load", "{i},{time},{i}.5"),
        c__d_csv_xz=lines(30, 30),
    )
    series = read(path)
    assert series.features == ("load", "flow")
    np.testing.assert_array_equal(series.column("load"), np.arange(100) + 0.5)
    np.testing.assert_array_equal(series.column("flow"), np.arange(100))
    assert series.notes[0] == f"3 files of {path} were read as one table."
    time, load_ = streamed(path, series)
    np.testing.assert_array_equal(time, series.time)
    np.testing.assert_array_equal(load_, np.arange(100) + 0.5)


def test_one_file_of_a_folder_is_read_as_the_file(tmp_path):
    path = write(tmp_path, a_csv=lines(0, 50))
    assert read(path).data_hash() == read(path + "/a.csv").data_hash()


def test_new_files_are_read_by_the_recipe(tmp_path):
    day_first = [f"{day:02d}/{month:02d}/2024,{month}" for month in (1, 2, 3) for day in range(1, 29)]
    path = write(tmp_path / "old", a_csv="\n".join(["day,load", *day_first]))
    series = read(path, frequency="1d")
    late, early = "day,load\n04/05/2024,1\n05/05/2024,2\n", "day,load\n02/05/2024,3\n03/05/2024,4\n"
    new = write(tmp_path / "new", a_csv=late, b_csv=early)
    time, values = streamed(new, series)
    assert time.astype("datetime64[D]").astype(str).tolist() == [f"2024-05-0{day}" for day in (2, 3, 4, 5)]
    assert values.tolist() == [3, 4, 1, 2]
    bad = write(
        tmp_path / "bad", a_csv="day,load\n02/05/2024,3\n", b_csv="day,load\n03/05/2024,4\n05/13/2024,4\n"
    )
    with pytest.raises(UserError, match=r"b.csv: '05/13/2024' in column 'day' .row 2."):
        streamed(bad, series)


def test_overlapping_files_go_by_the_rule_for_duplicates(tmp_path):
    path = write(tmp_path, a_csv=lines(0, 60), b_csv=lines(50, 50, pattern="{time},{i},{i}"))
    with pytest.raises(UserError, match=r"Row 51 of .*a.csv and row 1 of .*b.csv have the same time"):
        read(path)
    assert read(path, duplicates="mean").column("load")[55] == 55.25
    last = read(path, duplicates="last")
    np.testing.assert_array_equal(last.column("load"), [i + 0.5 if i < 50 else i for i in range(100)])
    time, values = streamed(path, last)
    assert (np.diff(time.astype(np.int64)) >= 0).all()
    twice = np.flatnonzero(time == last.time[55])
    assert values[twice].tolist() == [55.5, 55]


def test_folder_names_are_columns_that_select_rows_and_are_not_fed_in(tmp_path):
    path = str(tmp_path)
    for site, shift in (("A", 0), ("B", 1000)):
        write(
            tmp_path / f"site={site}" / "year=2024",
            x_csv=lines(0, 50, pattern="{time}," + str(shift) + "{i},{i}.5"),
        )
    with pytest.raises(UserError, match=r"column 'site' .A, B. distinguishes them"):
        read(path)
    series = read(path, where="site = 'B'")
    assert series.column("load")[7] == 10007
    assert series.features == ("load", "flow")
    assert "Column 'year' comes from the names of folders and was left out." in series.notes
    assert "year" in read(path, where="site = 'A'", features=["flow", "year"]).features
    assert streamed(path, series)[1][7] == 10007


def test_a_value_that_does_not_fit_is_named_by_file_and_row(tmp_path):
    good = lines(0, 50)
    path = write(tmp_path / "value", a_csv=good, b_csv=lines(50, 10).replace("53.5", "off"))
    with pytest.raises(UserError, match=r"'load' is not numeric .it holds 'off' in row 4 of .*b.csv"):
        read(path)
    assert any("'load' is not numeric ('off' in row 4 of" in note for note in read(path, target="flow").notes)
    path = write(tmp_path / "time", a_csv=good, b_csv=lines(50, 10).replace("2024-01-03 05", "2024-01-32 05"))
    with pytest.raises(UserError, match=r"'2024-01-32 05:00:00' in row 4 of .*b.csv is not a time"):
        read(path)
    path = write(tmp_path / "infinite", a_csv=good, b_csv=lines(50, 10).replace("53.5", "inf"))
    with pytest.raises(UserError, match=r"first in row 4 of .*b.csv"):
        read(path)


DIFFERENT = {
    "separator": (
        {"a_csv": lines(0, 9), "b_csv": lines(9, 9).replace(",", ";")},
        "a.csv is separated by commas and .*b.csv by semicolons",
    ),
    "decimal mark": (
        {"a_csv": lines(0, 9).replace(",", ";"), "b_csv": lines(9, 9).replace(",", ";").replace(".5", ",5")},
        "b.csv has decimal commas and .*a.csv decimal points",
    ),
    "target": (
        {"a_csv": lines(0, 9), "b_csv": lines(9, 9, "time,flow", "{time},{i}")},
        "b.csv has no column 'load'",
    ),
    "time": (
        {"a_csv": lines(0, 9), "b_csv": lines(9, 9, "load,flow", "{i},{i}")},
        "b.csv has no column 'time'",
    ),
    "no header": ({"a_csv": lines(0, 9), "b_csv": "1,2,3\n4,5,6\n"}, "b.csv has no header"),
    "no table": ({"a_csv": lines(0, 9), "b_csv": "x"}, "b.csv is not a CSV table"),
    "damaged": ({"a_csv": lines(0, 9), "b_csv": lines(9, 9) + "1,2\n"}, "b.csv is not a regular CSV table"),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_files_that_differ_are_refused(tmp_path, case):
    files, match = DIFFERENT[case]
    with pytest.raises(UserError, match=match) as caught:
        read(write(tmp_path, **files))
    assert "\n" not in str(caught.value)


def test_a_column_that_one_file_lacks_is_noted_and_missing_there(tmp_path):
    path = write(tmp_path, a_csv=lines(0, 30), b_csv=lines(30, 30, "time,load", "{time},{i}"))
    series = read(path)
    assert f"Column 'flow' is missing in {path}/b.csv; its values count as missing there." in series.notes
    np.testing.assert_array_equal(np.isnan(series.column("flow")), np.arange(60) >= 30)
    with pytest.raises(UserError, match=r"b.csv has no column 'flow'"):
        streamed(path, series, ("load", "flow"))


def test_decimal_marks_are_decided_over_all_files(tmp_path):
    undecided = lines(0, 20, "time;load", "{time};1.019")
    path = write(tmp_path, a_csv=undecided, b_csv=lines(20, 20, "time;load", "{time};8,04"))
    series = read(path)
    assert set(series.column("load")) == {1019, 8.04}
    assert set(streamed(path, series)[1]) == {1019, 8.04}


def test_types_of_parquet_columns_may_differ_if_their_values_do_not_change(tmp_path):
    times = START + np.arange(20) * np.timedelta64(3600, "s")
    kinds = [
        (pa.timestamp("us"), pa.float32(), pa.string()),
        (pa.timestamp("ns"), pa.int64(), pa.large_string()),
        (pa.date32(), pa.decimal128(22, 3), pa.dictionary(pa.int8(), pa.string())),
    ]
    for number, (time, load_, note) in enumerate(kinds):
        at = (
            times.astype("datetime64[D]")[:1] - np.timedelta64(1, "D")
            if number == 2
            else times[number * 10 :][:10]
        )
        columns = [
            pa.array(at).cast(time),
            pa.array(np.arange(len(at))).cast(load_),
            pa.array(["x"] * len(at)).cast(note),
        ]
        pq.write_table(pa.table(columns, names=["time", "load", "note"]), tmp_path / f"{number}.parquet")
    series = load(str(tmp_path), "load", frequency="1h", calendar=False)
    assert series.time[0] == np.datetime64("2023-12-31")
    np.testing.assert_array_equal(series.column("load")[24:], [*range(10), *range(10)])
    zoned = pa.table(
        {"time": pa.array(times).cast(pa.timestamp("us", "UTC")), "load": range(20), "note": ["x"] * 20}
    )
    pq.write_table(zoned, tmp_path / "3.parquet")
    with pytest.raises(UserError, match=r"'time' of .* is timestamp.us. and timestamp"):
        load(str(tmp_path), "load")


@given(st.lists(st.lists(st.integers(0, 60), max_size=25), max_size=5), st.integers(1, 7))
@settings(deadline=None, max_examples=60)
def test_merged_rows_are_all_rows_in_a_stable_order_of_time(files, size):
    files = [np.sort(np.array(times, np.int64)) for times in files]

    def stream(number, times):
        def pieces():
            for start in range(0, len(times), size):
                part = times[start : start + size]
                yield Rows(part.astype("datetime64[ns]"), {"file": np.full(len(part), float(number))})

        first = np.datetime64(int(times[0]), "ns") if len(times) else np.datetime64("NaT", "ns")
        return Stream(first, pieces)

    merged = list(merge_rows([stream(number, times) for number, times in enumerate(files)]))
    expected = sorted((time, number) for number, times in enumerate(files) for time in times.tolist())
    found = [
        (int(time), int(number))
        for piece in merged
        for time, number in zip(piece.time.astype(np.int64), piece.columns["file"], strict=True)
    ]
    assert found == expected


def test_a_long_file_next_to_short_ones_is_not_kept_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_table, "BLOCK_BYTES", 500)
    path = write(
        tmp_path, a_csv=lines(0, 400), b_csv=lines(10, 5, pattern="{time},-{i},{i}"), c_csv=lines(300, 5)
    )
    series = read(path, duplicates="last")
    opened = FileSource(path).open(Hints.from_recipe(series.recipe))
    pieces = list(stream_rows(opened, ["load"], series.recipe.time, series.recipe))
    assert sum(len(piece.time) for piece in pieces) == 410
    assert max(len(piece.time) for piece in pieces) < 60
