"""Files are read piece by piece: what the head suggests and a later row contradicts is read again, not lost."""

import gzip

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tsforecast.errors import UserError
from tsforecast.tables import csv_table, table
from tsforecast.tables.file_source import FileSource
from tsforecast.tables.streaming import stream_rows
from tsforecast.times.formats import TimeFormat


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(csv_table, "BLOCK_BYTES", 200)
    monkeypatch.setattr(table, "BATCH_ROWS", 7)


def lines(values, header="time,load"):
    times = [f"2024-01-01 {row // 60:02d}:{row % 60:02d}" for row in range(len(values))]
    return "\n".join([header, *(f"{t},{v}" for t, v in zip(times, values, strict=True))]) + "\n"


def write(folder, text):
    path = folder / "file"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_whole_numbers_may_become_fractions_and_padded_text(tmp_path):
    values = [*range(100), "2.5", " - ", '" 7 "', *range(50)]
    table = FileSource(write(tmp_path, lines(values))).open()
    expected = [*range(100), 2.5, np.nan, 7, *range(50)]
    rows = list(stream_rows(table, ["load"], TimeFormat(("time",), "iso")))
    assert len(rows) > 5
    np.testing.assert_array_equal(np.concatenate([r.columns["load"] for r in rows]), expected)
    assert np.unique(np.diff(np.concatenate([r.time for r in rows]))).tolist() == [60 * 10**9]


def test_the_whole_table_has_one_type_for_each_column(tmp_path):
    table = FileSource(write(tmp_path, lines([*range(100), "off", *range(50)]))).open().table()
    assert table.num_rows == 151
    assert table.schema.field("load").type == pa.string()
    assert table["load"].to_pylist()[:2] == ["0", "1"]


def test_a_value_that_is_not_a_number_is_refused_with_its_row(tmp_path):
    table = FileSource(write(tmp_path, lines([*range(100), "off", *range(50)]))).open()
    with pytest.raises(UserError, match=r"column 'load' .* contains 'off' in row 101, which is not a number"):
        list(stream_rows(table, ["load"], TimeFormat(("time",), "iso")))


@pytest.mark.parametrize("kind", ["csv", "utf-16", "gz", "latin-1", "parquet", "parquet.gz"])
def test_every_kind_of_file_gives_the_same_rows(tmp_path, kind):
    text = lines([f"{i}.5" for i in range(200)])
    if kind.startswith("parquet"):
        table = FileSource(write(tmp_path, text)).open().table()
        pq.write_table(table, tmp_path / "made")
        raw = (tmp_path / "made").read_bytes()
        raw = gzip.compress(raw) if kind.endswith("gz") else raw
    elif kind == "gz":
        raw = gzip.compress(text.encode())
    elif kind == "latin-1":  # shown only after the head
        raw = text.encode() + "2024-01-01 03:20,é\n".encode("latin-1")
    else:
        raw = text.encode("utf8" if kind == "csv" else kind)
    table = FileSource(write(tmp_path, raw)).open()
    pieces = list(table.pieces(["load"]))
    values = [float(v) for piece in pieces for v in piece["load"].to_pylist()[:200] if v != "é"]
    assert values == [i + 0.5 for i in range(200)]
    assert len(pieces) > 3
    assert all(piece.column_names == ["load"] for piece in pieces)


def test_blank_lines_above_the_header_are_skipped(tmp_path):
    assert FileSource(write(tmp_path, "\n\n" + lines([1, 2]))).open().columns == ("time", "load")


def test_two_columns_of_one_name_are_refused_where_they_are_needed(tmp_path):
    table = FileSource(write(tmp_path, lines(["1,2,3", "3,4,5"], "time,load, load ,flow"))).open()
    assert table.columns == ("time", "flow")
    assert table.table()["flow"].to_pylist() == [3, 5]
    with pytest.raises(UserError, match="two columns named 'load'"):
        list(stream_rows(table, ["load"], TimeFormat(("time",), "iso")))
