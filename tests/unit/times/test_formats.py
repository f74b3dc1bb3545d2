"""Times are read by a decided format, and refused by row and value if they are written otherwise."""

import numpy as np
import pyarrow as pa
import pytest

from tsforecast.errors import UserError
from tsforecast.times.formats import TimeFormat
from tsforecast.times.numbers import clock_of_numbers


def test_iso_text_and_timestamps_are_always_understood():
    written = TimeFormat(("time",), "%m/%d/%Y")
    expected = np.array(["2024-03-04", "2024-03-05"], "datetime64[ns]")
    for values in (["03/04/2024", "03/05/2024"], ["2024-03-04", "2024-03-05 00:00"], expected):
        np.testing.assert_array_equal(written.read(pa.table({"time": values})), expected)


@pytest.mark.parametrize("bad", ["31/03/2024", "2024-02-30", "noon", "02/30/2024"])
def test_a_value_written_otherwise_is_refused_by_row(bad):
    table = pa.table({"time": ["03/04/2024", "03/05/2024", bad]})
    with pytest.raises(
        UserError, match=rf"'{bad}' in column 'time' \(row 103\) is not a time written as %m/%d/%Y"
    ):
        TimeFormat(("time",), "%m/%d/%Y").read(table, first_row=101)


@pytest.mark.parametrize("values", [["2024-01-01T00:00+02:00"], pa.array([0], pa.timestamp("s", "UTC"))])
def test_local_times_and_times_with_an_offset_are_not_mixed(values):
    local, utc = TimeFormat(("time",), "iso"), TimeFormat(("time",), "iso", offset=True)
    with pytest.raises(UserError, match=r"\(row 1\) has an offset, but the training data had local times"):
        local.read(pa.table({"time": values}))
    assert len(utc.read(pa.table({"time": values}))) == 1
    with pytest.raises(UserError, match=r"\(row 1\) has no offset, but the training data had times in UTC"):
        utc.read(pa.table({"time": ["2024-01-01 00:00"]}))
    with pytest.raises(UserError, match="has no offset"):
        TimeFormat(("time",), "unix_s").read(pa.table({"time": ["2024-01-01 00:00"]}))


def test_all_offsets_count_for_a_model_of_times_in_utc():
    utc = TimeFormat(("time",), "iso", offset=True)
    time = utc.read(pa.table({"time": ["2024-01-01 02:00+02", "2024-01-01 01:00Z", "2024-01-01T03:00+0100"]}))
    np.testing.assert_array_equal(
        time, np.datetime64("2024-01-01", "ns") + np.arange(3) * np.timedelta64(1, "h")
    )


def test_a_decided_clock_does_not_change_with_the_rows():
    ending = TimeFormat(("day", "hour"), "%Y-%m-%d", "hour_ending")
    part = ending.read(pa.table({"day": ["2024-01-01"] * 2, "hour": [2, 3]}))
    assert part.astype("datetime64[h]").astype(str).tolist() == ["2024-01-01T01", "2024-01-01T02"]
    with pytest.raises(
        UserError, match=r"'0' in column 'hour' \(row 2\) is not a time written as hours from 1 to 24"
    ):
        ending.read(pa.table({"day": ["2024-01-01"] * 2, "hour": [1, 0]}))


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (TimeFormat(("t",), "unix_s"), "Unix seconds"),
        (TimeFormat(("d", "h"), "%d.%m.%Y", "hour_ending"), "%d.%m.%Y and hours from 1 to 24"),
        (TimeFormat(("d", "p"), "iso", "period_48_from_1"), "ISO 8601 and half hours numbered from 1 to 48"),
        (TimeFormat(("d", "p"), "iso", "hhmm"), "ISO 8601 and hours and minutes in one number, such as 930"),
        (TimeFormat(("y", "m"), "year,month"), "year, month"),
        (TimeFormat(("t",), "iso", timezone="Europe/Paris"), "ISO 8601 in Europe/Paris"),
    ],
)
def test_formats_are_described_in_words(written, words):
    assert written.describe() == words


@pytest.mark.parametrize(("day", "last"), [("2024-10-27", 50), ("2024-03-31", 46), ("2024-06-01", 48)])
def test_a_model_of_numbered_periods_accepts_as_many_as_the_day_has(day, last):
    written = TimeFormat(("day", "period"), "iso", "period_48_from_1", timezone="Europe/London")
    time = written.read(pa.table({"day": [day] * last, "period": range(1, last + 1)}))
    assert set(np.diff(time).tolist()) == {30 * 60 * 10**9}
    with pytest.raises(
        UserError, match=rf"'{last + 1}' in column 'period' \(row 12, {day}\) is beyond the last"
    ):
        written.read(pa.table({"day": [day] * 2, "period": [1, last + 1]}), first_row=11)


@pytest.mark.parametrize(
    "written",
    [
        TimeFormat(("day", "hour"), "iso", "hour"),
        TimeFormat(("year", "month", "day", "hour"), "year,month,day,hour"),
    ],
)
def test_hours_1_to_24_are_refused_for_a_model_of_hours_from_0(written):
    def rows(hours):
        dates = {"year": [2024] * len(hours), "month": [1] * len(hours), "day": [1] * len(hours)}
        if len(written.columns) == 2:
            dates = {"day": ["2024-01-01"] * len(hours)}
        return pa.table({**dates, "hour": list(hours)})

    with pytest.raises(
        UserError, match=r"'24' in column 'hour' \(row 24\) is an hour of 1 to 24.*hours 0 to 23"
    ):
        written.read(rows(range(1, 25)))
    assert str(written.read(rows(range(25)))[24])[:13] == "2024-01-02T00"
    assert str(written.read(rows([1, 2]))[1])[:13] == "2024-01-01T02"


def test_a_piece_without_hour_0_is_read_if_the_training_rows_had_both_0_and_24():
    clock = clock_of_numbers(pa.chunked_array([list(range(25))]), "hour")
    rows = pa.table({"day": ["2024-01-01"] * 2, "hour": [23, 24]})
    times = TimeFormat(("day", "hour"), "iso", clock).read(rows)
    assert times.astype("datetime64[h]").astype(str).tolist() == ["2024-01-01T23", "2024-01-02T00"]
