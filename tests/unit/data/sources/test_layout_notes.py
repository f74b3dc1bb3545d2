"""Tables whose layout is another than they are read by."""

import pyarrow as pa
import pytest

from tsforecast.data.sources.layout_notes import series_notes, wide_note
from tsforecast.times.frequency import Frequency

DAY, HOUR, YEAR = (Frequency.parse(step) for step in ("1d", "1h", "1y"))
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


@pytest.mark.parametrize("name", ["H{}", "HE{:02d}", "{:02d}:00", "{}", "hour_{}", "{}h"])
def test_hours_side_by_side_are_noted(name):
    columns = [name.format(hour) for hour in range(24)]
    (note,) = wide_note(["temperature", *columns], DAY)
    assert f"Columns '{columns[0]}' to '{columns[-1]}' look like the hours of a day" in note
    assert wide_note(columns, HOUR) == ()


def test_half_hours_and_months_side_by_side_are_noted():
    assert "48 series" in wide_note([f"{i // 2:02d}:{i % 2 * 30:02d}" for i in range(48)], DAY)[0]
    assert "months of a year" in wide_note(MONTHS, YEAR)[0]
    assert wide_note(MONTHS[:11], YEAR) == ()


def test_ids_of_rows_that_are_read_as_one_series_are_noted():
    rows = pa.table({"sensor": ["A", "B"] * 20, "state": ["on", "off"] * 20, "site": ["x"] * 40})
    (note,) = series_notes(rows, (), "")
    assert "2 values of 'sensor' (A, B)" in note
    assert series_notes(rows, ("sensor",), "") == ()
    assert series_notes(rows, (), "sensor in ('A', 'B')") == ()
