"""Damaged files: every value that is read is what a person reads there, or the file is refused in one sentence.

The judge is a plain reading of the damaged text: each line that is left in it has a time and a value. A value of the
series must be that of a line with this time; any other row must be missing, and a note must say that rows are.
"""

import csv
import gzip
import io
import random
import re
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.damages import DAMAGES, cut, delete, flip, insert
from tests.helpers.example_counts import profile
from tests.helpers.predict_rows import metadata_of, read_as_prediction
from tsforecast.columns.cells import MISSING
from tsforecast.data.sources.csv import load
from tsforecast.errors import UserError
from tsforecast.times.frequency import second

# At night: DAMAGES=5000 .venv/bin/python -m pytest tests/unit/test_damaged_tables.py
PROFILE = profile("DAMAGES", 150)
START = np.datetime64("2024-03-01T00:00:00", "s")
COUNT = 80
MOMENT = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T]+(\d{1,2})(?::(\d{1,2}))?(?::(\d{1,2}))?(?:[.,]\d*)?)?"
)


def good_table(separator):
    """A table of ISO times and values with a point, whose digits tell the row."""
    lines = [separator.join(("time", "load", "place"))]
    for i in range(COUNT):
        time = str(START + np.timedelta64(i * 3600, "s")).replace("T", " ")
        lines.append(separator.join((time, f"{100 + i}.{i:02d}", "north" if i % 3 else '"the south"')))
    return "\n".join(lines) + "\n"


def readings_of(data: bytes):
    """Time -> values that some line has at this time, NaN if it is missing, and the header's columns."""
    text = data.decode("utf8", "replace").lstrip("\ufeff")
    for mark in ("\r\n", "\r"):
        text = text.replace(mark, "\n")
    found: dict[str, set[float]] = {}
    for separator in ",;\t|":
        for row in csv.reader(io.StringIO(text.replace("\0", "\ufffd")), delimiter=separator):
            for position, cell in enumerate(row):
                rest = [other.strip(" \t\"'\u00a0") for other in row[:position] + row[position + 1 :]]
                for time in times_of(cell):
                    found.setdefault(time, set()).update(map(number, rest))
    return found


def times_of(cell):
    """The time that a cell states, and the full hour that such a row belongs to."""
    match = MOMENT.fullmatch(cell.strip(" \t\"'\u00a0"))
    if match is None:
        return ()
    year, month, day, *clock = (int(part or 0) for part in match.groups())
    try:
        time = np.datetime64(f"{year:04d}-{month:02d}-{day:02d}T00:00:00", "s")
    except ValueError:
        return ()
    seconds = sum(part * unit for part, unit in zip(clock, (3600, 60, 1), strict=True))
    hour = -((360 - seconds) // 3600) * 3600  # within a tenth of a step of a full hour, or the next one
    return tuple(second(time + np.timedelta64(part, "s")) for part in (seconds, hour))


def number(cell):
    if cell in MISSING:
        return float("nan")
    try:
        return float(cell.replace(",", ".", 1))
    except ValueError:
        return float("inf")  # not a number


def assert_true(rows, data, notes):
    """Every value stands in the file at its time; where there is none, a note says so."""
    found = readings_of(data)
    for time, value in rows.items():
        if np.isnan(value):
            assert (
                np.isnan(list(found.get(second(time), {np.nan}))).any()
                or "missing" in notes
                or "moved" in notes
            )
        else:
            assert value in found.get(second(time), ()), f"{value} at {time}: {found.get(second(time))}"


def assert_sentence(error):
    assert "\n" not in str(error)
    assert str(error).endswith((".", "?"))


def check(data, folder):
    """Read damaged data; if they are not refused, all that is read must be true."""
    path = Path(folder) / "table.csv"
    path.write_bytes(data)
    try:
        series = load(str(path), "load", calendar=False)
    except UserError as error:
        assert_sentence(error)
        return None
    return series


@PROFILE
@given(st.sampled_from(DAMAGES), st.integers(0, 2**32), st.sampled_from(",;\t"), st.booleans())
def test_a_damaged_csv_file_is_refused_or_read_truly(damage, seed, separator, compressed):
    rng = random.Random(seed)
    data = good_table(separator).encode()
    data = damage(gzip.compress(data, mtime=0), rng) if compressed else damage(data, rng)
    with tempfile.TemporaryDirectory() as folder:
        series = check(data, folder)
        if series is None or compressed:
            return
        notes = " ".join(series.notes)
        assert_true(dict(zip(series.time, series.column("load"), strict=True)), data, notes)
        read = read_as_prediction(Path(folder) / "table.csv", metadata_of(series))
        column = series.features.index("load")
        for time, values in read.items():
            expected = series.column("load")[int((time - series.time[0]) / np.timedelta64(series.step, "s"))]
            np.testing.assert_equal(values[column], expected)


@PROFILE
@given(st.sampled_from(DAMAGES), st.integers(0, 2**32))
def test_a_damaged_later_file_is_refused_or_read_truly(damage, seed):
    data = damage(good_table(",").encode(), random.Random(seed))
    with tempfile.TemporaryDirectory() as folder:
        good = Path(folder) / "good.csv"
        good.write_text(good_table(","))
        metadata = metadata_of(load(str(good), "load", calendar=False))
        path = Path(folder) / "later.csv"
        path.write_bytes(data)
        try:
            read = read_as_prediction(path, metadata)
        except UserError as error:
            assert_sentence(error)
            return
        assert_true({time: values[0] for time, values in read.items()}, data, "missing")


@PROFILE
@given(st.sampled_from([flip, delete, insert, cut]), st.integers(0, 2**32))
def test_a_damaged_parquet_file_is_refused_or_read(damage, seed):
    buffer = io.BytesIO()
    time = START + np.arange(COUNT) * np.timedelta64(3600, "s")
    pq.write_table(pa.table({"time": time, "load": np.arange(COUNT) + 0.5}), buffer, write_page_checksum=True)
    with tempfile.TemporaryDirectory() as folder:
        check(damage(buffer.getvalue(), random.Random(seed)), folder)


TYPES = [
    pa.bool_(), pa.int8(), pa.uint64(), pa.float16(), pa.float32(), pa.decimal128(38, 9), pa.decimal256(60, 3),
    pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.binary(4), pa.date32(), pa.date64(),
    pa.time32("s"), pa.time64("ns"), pa.timestamp("ms"), pa.timestamp("ns", "Asia/Tokyo"), pa.timestamp("us", "+02:00"),
    pa.duration("s"), pa.month_day_nano_interval(), pa.list_(pa.float64()), pa.list_(pa.int8(), 2),
    pa.struct([("a", pa.int64())]), pa.map_(pa.string(), pa.int8()), pa.null(), pa.dictionary(pa.int8(), pa.string()),
    pa.dictionary(pa.int8(), pa.int64()),
]  # fmt: skip


def column_of(kind, rng, row):
    """A value of a type, or None."""
    if rng.random() < 0.1 or pa.types.is_null(kind):
        return None
    if pa.types.is_boolean(kind):
        return row % 3 == 0
    if pa.types.is_temporal(kind) and not pa.types.is_interval(kind):
        number = pa.scalar(row * 3600 * rng.choice([1, 1000]), pa.int64())
        return number.cast(pa.int32() if kind.bit_width == 32 else pa.int64()).cast(kind)
    text = str(kind)
    if text.startswith("month_day"):
        return (row, 1, 1)
    if text.startswith(("list", "fixed_size_list")):
        return [row % 5, 2]
    if text.startswith("struct"):
        return {"a": row}
    if text.startswith("map"):
        return [("a", row % 9)]
    if text.startswith(("string", "large_string")) or "values=string" in text:
        return rng.choice(["on", "1.5", "2024-01-01", "", "2024-01-01 0" + str(row % 9)])
    if "binary" in text:
        return b"abcd"
    if text.startswith("float") or "halffloat" in text:
        return np.float16(row / 4) if kind == pa.float16() else row / 4
    return row % 100


@PROFILE
@given(
    st.sampled_from(TYPES),
    st.sampled_from(TYPES),
    st.sampled_from(["time", "load", "both"]),
    st.integers(0, 2**32),
)
def test_columns_of_any_type_are_refused_in_one_sentence_or_read(one, other, which, seed):
    rng = random.Random(seed)
    kinds = {
        "time": one if which != "load" else pa.timestamp("s"),
        "load": other if which != "time" else pa.float64(),
        "more": rng.choice(TYPES),
    }
    columns = {
        name: pa.array([column_of(kind, rng, row) for row in range(COUNT)], kind)
        for name, kind in kinds.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        try:
            pq.write_table(pa.table(columns), path)
        except pa.ArrowException:
            return  # Parquet does not have the type
        try:
            series = load(str(path), "load", time=rng.choice([None, "time"]), calendar=False)
            metadata = metadata_of(series)
        except UserError as error:
            assert_sentence(error)
            return
        numbers = {
            float(value) for value in columns["load"].to_pylist() if value is not None and value == value
        }
        assert set(series.column("load")[~np.isnan(series.column("load"))]) <= numbers
        assert read_as_prediction(path, metadata)
