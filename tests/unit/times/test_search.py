"""Time columns are found and read right, or refused by row and value."""

import numpy as np
import pyarrow as pa
import pytest

from tsforecast.errors import UserError
from tsforecast.times.search import find_time
from tsforecast.times.zones import Zone

HOURS = np.datetime64("2024-01-01T00", "ns") + np.arange(96) * np.timedelta64(3600, "s").astype(
    "timedelta64[ns]"
)
DAYS = np.array(["2024-01-01"] * 24 + ["2024-01-02"] * 24 + ["2024-01-03"] * 24 + ["2024-01-04"] * 24)
SECONDS = HOURS.astype("datetime64[s]").astype(np.int64)


def found(named=None, **columns):
    result = find_time(pa.table(columns), named)
    np.testing.assert_array_equal(result.format.read(pa.table(columns)), result.time)
    return result


def stamp(pattern):
    return [time.astype("datetime64[s]").item().strftime(pattern) for time in HOURS]


def hours(first):
    return [first + i % 24 for i in range(96)]


PAIRS = {
    "hours from 0": (hours(0), HOURS),
    "hours as floats": ([float(i) for i in hours(0)], HOURS),
    "hours to 24": (hours(1), HOURS),
    "clock": (stamp("%H:%M"), HOURS),
    "clock to 24:00": ([f"{i:02d}:00" for i in hours(1)], HOURS + np.timedelta64(1, "h")),
    "dots": (stamp("%H.%M.%S"), HOURS),
    "dots to 24.00": ([f"{i:02d}.00" for i in hours(1)], HOURS + np.timedelta64(1, "h")),
    "hhmm": ([100 * i for i in hours(0)], HOURS),
    "half day": (stamp("%I:%M %p"), HOURS),
    "seconds": (stamp("%H:%M:%S"), HOURS),
}


@pytest.mark.parametrize("written", PAIRS)
@pytest.mark.parametrize("named", [None, ("date", "hour")])
def test_a_date_and_a_clock_column_are_read_together(written, named):
    clock, expected = PAIRS[written]
    for dates in (
        DAYS.tolist(),
        [f"{day[8:]}.{day[5:7]}.{day[:4]}" for day in DAYS],
        DAYS.astype("datetime64[D]"),
    ):
        result = found(named, date=dates, hour=clock, load=np.arange(96.0))
        assert result.format.columns == ("date", "hour")
        np.testing.assert_array_equal(result.time, expected)


def test_half_hours_are_read_by_their_number():
    days, number = np.repeat(DAYS[::24], 48), [1 + i % 48 for i in range(192)]
    result = found(("date", "settlement_period"), date=days.tolist(), settlement_period=number)
    np.testing.assert_array_equal(result.time, HOURS[0] + np.arange(192) * np.timedelta64(30, "m"))


def test_a_daily_table_keeps_its_date_alone():
    day = [str(np.datetime64("2024-01-01") + i) for i in range(60)]
    sunrise = [f"0{5 + i % 3}:{i:02d}" for i in range(60)]
    sun_hours = [i % 13 for i in range(60)]
    result = found(date=day, sunrise=sunrise, sun_hours=sun_hours)
    assert result.format.columns == ("date",)


@pytest.mark.parametrize("bad", ["24:30", "25:00", "noon", "12:60"])
def test_a_clock_that_fails_on_one_value_is_refused_by_row(bad):
    clock = stamp("%H:%M")
    clock[50] = bad
    for named in (None, ("date", "clock")):
        with pytest.raises(UserError, match=rf"column 'clock' does not read as time: '{bad}' in row 51"):
            find_time(pa.table({"date": DAYS, "clock": clock, "load": np.arange(96.0)}), named)


def test_a_number_that_is_not_an_hour_is_refused_by_row():
    written = found(date=DAYS.tolist(), hour=hours(0)).format
    with pytest.raises(UserError, match=r"'25' in column 'hour' \(row 103\)"):
        written.read(pa.table({"date": DAYS[:3], "hour": [1, 2, 25]}), first_row=101)


PARTS = {
    "hours": ({"year": "%Y", "month": "%m", "day": "%d", "hour": "%H"}, HOURS),
    "names": ({"Year": "%Y", "Mo": "%m", "DD": "%d", "HH": "%H"}, HOURS),
    "month names": ({"year": "%Y", "month": "%b", "day": "%d", "hour": "%H"}, HOURS),
    "with minutes": ({"year": "%Y", "month": "%m", "day": "%d", "hour": "%H", "minute": "%M"}, HOURS),
    "with a clock": ({"year": "%Y", "month": "%m", "day": "%d", "time": "%H:%M"}, HOURS),
}


@pytest.mark.parametrize("case", PARTS)
def test_year_month_and_day_columns_are_found_by_their_names(case):
    written, expected = PARTS[case]
    columns = {name: stamp(pattern) for name, pattern in written.items()}
    columns = {
        name: [int(v) for v in values] if values[0].isdigit() else values for name, values in columns.items()
    }
    result = found(No=np.arange(96), **columns, pm=np.arange(96.0))
    assert result.format.columns == tuple(written)
    np.testing.assert_array_equal(result.time, expected)


def test_year_month_and_day_columns_of_other_names_are_read_in_their_order():
    columns = {
        name: [int(v) for v in stamp(p)] for name, p in zip("ABCD", ("%Y", "%m", "%d", "%H"), strict=True)
    }
    np.testing.assert_array_equal(found(tuple("ABCD"), **columns).time, HOURS)
    ending = {**columns, "D": [hour + 1 for hour in columns["D"]]}
    np.testing.assert_array_equal(found(tuple("ABCD"), **ending).time, HOURS)


def test_columns_of_an_impossible_date_are_refused_by_row():
    table = pa.table({"year": [2023] * 3, "month": [2] * 3, "day": [27, 28, 29]})
    with pytest.raises(UserError, match=r"column 'day' does not read as time: '29' in row 3"):
        find_time(table)


@pytest.mark.parametrize("pattern", ["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d-%b-%Y", "%Y%m%d", "%Y/%m/%d"])
@pytest.mark.parametrize("clock", ["", " %H:%M", " %H:%M:%S"])
def test_impossible_dates_are_refused_by_row_and_value(pattern, clock):
    values = [day.item().strftime(pattern + clock) for day in np.datetime64("2023-02-20") + np.arange(20)]
    good = np.datetime64("2023-02-28").item().strftime(pattern + clock)
    bad = good.replace("28", "30")
    values[values.index(good)] = bad
    with pytest.raises(UserError, match=rf"'{bad}' in row 9"):
        find_time(pa.table({"time": values, "load": np.arange(20.0)}))


@pytest.mark.parametrize(
    "pattern", ["%d.%m.%Y %H:%M", "%Y-%m-%d %H:%M", "%m/%d/%Y %H:%M:%S", "%Y-%m-%dT%H:%M"]
)
def test_24_00_is_the_beginning_of_the_next_day(pattern):
    before = HOURS - np.timedelta64(24, "h")
    values = [
        (
            before[i].astype("datetime64[s]").item().strftime(pattern).replace("00:00", "24:00", 1)
            if i % 24 == 0
            else text
        )
        for i, text in enumerate(stamp(pattern))
    ]
    np.testing.assert_array_equal(found(time=values, load=np.arange(96)).time, HOURS)


def test_dates_far_away_in_another_column_are_left_alone():
    days = np.datetime64("2024-01-01", "s") + np.arange(50) * np.timedelta64(86_400, "s")
    for far in (
        pa.array(["9999-12-31"] * 50),
        pa.array(np.full(50, "9999-12-31", "datetime64[D]")),
        pa.array(np.full(50, "9999-12-31", "datetime64[s]")),
        pa.array(np.full(50, "9999-12-31", "datetime64[us]")),
    ):
        table = pa.table({"valid_to": far, "date": days, "sales": np.arange(50.0)})
        assert find_time(table).format.columns == ("date",)
        with pytest.raises(
            UserError, match=r"data.time: column 'valid_to' does not read as time: '9999.* in row 1"
        ):
            find_time(table, "valid_to")


def test_the_best_of_several_columns_is_chosen_and_noted():
    irregular = (HOURS - np.arange(96) ** 2 * np.timedelta64(1, "m")).astype("datetime64[s]")
    result = found(created=irregular, time=HOURS, load=np.arange(96.0))
    assert result.format.columns == ("time",)
    assert result.notes == (
        "Time is read from 'time'; 'created' would read as time too: choose with data.time.",
    )
    assert found("created", created=irregular, time=HOURS).format.columns == ("created",)


def test_a_refusal_names_the_first_value_that_fails():
    values = stamp("%Y-%m-%d %H:%M")
    values[70] = "noon"
    for named in (None, "time"):
        with pytest.raises(UserError, match=r"column 'time' does not read as time: 'noon' in row 71"):
            find_time(pa.table({"time": values, "load": np.arange(96.0)}), named)
    with pytest.raises(UserError, match=r"No column reads as time.*'time' has 'never' in row 1"):
        find_time(pa.table({"time": ["never"] * 4, "load": [1.0] * 4}))


OFFSETS = ("Z", "+00", "+0000", "+00:00", "+0200", "+02:00", "-0330", " +02:00", " UTC")


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize(
    "pattern", ["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%d.%m.%Y %H:%M", "%Y%m%dT%H%M%S"]
)
def test_offsets_are_read_as_utc(offset, pattern):
    shift = {"+02": 120, "-03": -210}.get(offset.strip()[:3], 0)
    result = found(time=[text + offset for text in stamp(pattern)])
    np.testing.assert_array_equal(result.time, HOURS - np.timedelta64(shift, "m"))
    assert result.format.offset
    assert result.notes == ("Times with an offset are read as UTC.",)


def test_each_time_counts_by_its_own_offset():
    values = ["2024-03-31 01:00+01:00", "2024-03-31 03:00+02:00", "2024-03-31T04:00+02"]
    np.testing.assert_array_equal(
        found(time=values).time, np.datetime64("2024-03-31T00", "ns") + np.arange(3) * np.timedelta64(1, "h")
    )


def test_times_with_and_without_an_offset_are_refused():
    with pytest.raises(UserError, match=r"'2024-01-01 02:00' in column 'time' \(row 3\) has no offset"):
        find_time(pa.table({"time": ["2024-01-01 00:00Z", "2024-01-01 01:00Z", "2024-01-01 02:00"]}))


@pytest.mark.parametrize("factor", [1, 10**3, 10**6, 10**9])
@pytest.mark.parametrize("kind", [int, float, str])
def test_unix_times_are_read_as_whole_numbers_floats_and_text(factor, kind):
    values = [kind(int(second) * factor) for second in SECONDS]
    result = found(timestamp=values, load=np.arange(96.0))
    np.testing.assert_array_equal(result.time, HOURS)
    assert result.format.is_utc


def test_fractions_of_unix_seconds_are_kept():
    result = found("t", t=[1704067200.25, 1704067201.5])
    assert result.time.astype("datetime64[ms]").astype(str).tolist() == [
        "2024-01-01T00:00:00.250",
        "2024-01-01T00:00:01.500",
    ]


def test_excel_dates_are_read_under_a_name_of_time_only():
    serial = (45_292 + np.arange(96) / 24).round(8)
    result = found(date=serial, load=np.arange(96.0))
    np.testing.assert_array_equal(result.time, HOURS)
    assert result.format.pattern == "excel"
    np.testing.assert_array_equal(found("watts", watts=serial).time, HOURS)
    with pytest.raises(UserError, match="No column reads as time"):
        find_time(pa.table({"watts": serial, "load": np.arange(96.0)}))


PERIODS = {
    "months": (["1749-01", "1749-02", "1749-03"], ["1749-01-01", "1749-02-01", "1749-03-01"]),
    "month names": (["Jan-2024", "Feb-2024", "Mar-2024"], ["2024-01-01", "2024-02-01", "2024-03-01"]),
    "month/year": (["12/2023", "01/2024", "02/2024"], ["2023-12-01", "2024-01-01", "2024-02-01"]),
    "quarters": (["2023-Q4", "2024-Q1", "2024-Q2"], ["2023-10-01", "2024-01-01", "2024-04-01"]),
    "quarters without a dash": (["2023Q4", "2024Q1", "2024Q2"], ["2023-10-01", "2024-01-01", "2024-04-01"]),
    "weeks": (["2020-W53", "2021-W01", "2021-W02"], ["2020-12-28", "2021-01-04", "2021-01-11"]),
    "fifth week": (["2024-W05", "2024-W06", "2024-W07"], ["2024-01-29", "2024-02-05", "2024-02-12"]),
    "years": ([2022, 2023, 2024], ["2022-01-01", "2023-01-01", "2024-01-01"]),
}


@pytest.mark.parametrize("case", PERIODS)
def test_a_period_counts_at_its_start(case):
    values, expected = PERIODS[case]
    result = found(year=values, load=[1.0, 2.0, 3.0])
    assert result.time.astype("datetime64[D]").astype(str).tolist() == expected


@pytest.mark.parametrize("value", ["2024-13", "2024-00"])
def test_a_month_that_does_not_exist_is_refused(value):
    with pytest.raises(UserError, match=f"'{value}' in row 3"):
        find_time(pa.table({"Month": ["2024-01", "2024-02", value], "load": [1.0, 2.0, 3.0]}))


def test_day_and_month_are_decided_by_date_and_clock_together():
    times = np.datetime64("2024-04-01T00:00", "s") + np.arange(12 * 24) * np.timedelta64(3600, "s")
    for pattern in ("%d/%m/%Y", "%m/%d/%Y"):
        dates = [time.item().strftime(pattern) for time in times]
        result = found(date=dates, time=[time.item().strftime("%H:%M") for time in times])
        assert result.format.pattern == pattern
        np.testing.assert_array_equal(result.time, times)


def test_day_and_month_are_decided_on_all_rows():
    times = np.datetime64("2024-01-12T00:00:00", "s") + np.arange(100_000) * np.timedelta64(1, "s")
    values = [time.item().strftime("%m/%d/%Y %H:%M:%S") for time in times]
    assert found(time=values).format.pattern == "%m/%d/%Y %H:%M:%S"


def test_an_order_that_cannot_be_told_is_noted():
    values = [f"03/04/2024 {i:02d}:00" for i in range(24)]
    assert "fit %d/%m/%Y %H:%M and %m/%d/%Y %H:%M equally well" in found(time=values).notes[0]


@pytest.mark.parametrize("first", [1700, 1750, 2100])
@pytest.mark.parametrize("named", [None, "Year"])
@pytest.mark.parametrize("kind", [int, float, str])
def test_years_from_1700_to_2199_are_read(first, named, kind):
    years = np.arange(first, first + 100)
    result = found(named, Year=[kind(year) for year in years], spots=np.arange(100.0))
    np.testing.assert_array_equal(
        result.time, (years - 1970).astype("datetime64[Y]").astype("datetime64[ns]")
    )


@pytest.mark.parametrize("named", [None, ("year", "week"), ("week", "year")])
def test_year_and_iso_week_are_read_as_mondays(named):
    days = np.datetime64("2019-12-30") + 7 * np.arange(120)
    weeks = [day.item().isocalendar() for day in days]
    result = found(named, year=[w[0] for w in weeks], week=[w[1] for w in weeks], load=np.arange(120.0))
    assert result.format.columns == ("year", "week")
    np.testing.assert_array_equal(result.time, days.astype("datetime64[ns]"))


@pytest.mark.parametrize("named", [None, ("YEAR", "DOY", "HR")])
@pytest.mark.parametrize("first", [0, 1])
def test_year_day_of_the_year_and_hour_are_read_together(named, first):
    time = np.datetime64("2023-12-30T00") + np.arange(24 * 400)
    years = time.astype("datetime64[Y]")
    doy = (time.astype("datetime64[D]") - years.astype("datetime64[D]")).astype(int) + 1
    hour = (time - time.astype("datetime64[D]")).astype(int) + first
    result = found(named, YEAR=years.astype(int) + 1970, DOY=doy, HR=hour, T2M=np.arange(len(time)) / 7)
    np.testing.assert_array_equal(result.time, time.astype("datetime64[ns]"))
    days = found(None, YEAR=(years.astype(int) + 1970)[::24], DOY=doy[::24], T2M=np.arange(400) / 7)
    np.testing.assert_array_equal(days.time, time[::24].astype("datetime64[ns]"))


def test_a_date_comes_before_year_and_week_columns():
    days = np.datetime64("2024-01-01") + 7 * np.arange(52)
    result = found(
        None, year=[2024] * 52, week=np.arange(1, 53), begins=days.astype(str), load=np.arange(52.0)
    )
    assert result.format.columns == ("begins",)


def test_weeks_and_days_that_a_year_lacks_are_refused_by_row():
    with pytest.raises(UserError, match=r"'53' in row 3 is not a time written as week"):
        find_time(pa.table({"year": [2024] * 3, "week": [51, 52, 53]}), ("year", "week"))
    with pytest.raises(UserError, match=r"'366' in row 3 is not a time written as day_of_year"):
        find_time(pa.table({"year": [2023] * 3, "doy": [364, 365, 366]}), ("year", "doy"))


def test_columns_of_two_layouts_are_refused_with_the_layouts():
    table = pa.table({"year": [2024, 2024], "month": [1, 1], "week": [1, 2]})
    with pytest.raises(UserError, match=r"year, month, week do not make a time together: .*\[year,week\]"):
        find_time(table, ("year", "month", "week"))


def test_a_year_and_a_number_are_not_read_as_a_year_and_a_clock():
    table = pa.table({"Year": [2024] * 3, "number": [1, 2, 3]})
    with pytest.raises(UserError, match=r"Year, number do not make a time together: rename .*\[year,week\]"):
        find_time(table, ("Year", "number"))


def numbered(per_hour, first="2024-03-30", count=230):
    """Return dates, numbers and UTC times of whole days of London, the days of both changes among them."""
    days = np.datetime64(first, "D") + np.arange(count)
    bounds = Zone("Europe/London").from_wall(np.append(days, days[-1] + 1)).astype(np.int64)
    lengths = np.diff(bounds) * per_hour // 3600
    numbers = np.concatenate([np.arange(1, length + 1) for length in lengths])
    time = np.arange(bounds[0], bounds[-1], 3600 // per_hour).astype("datetime64[s]")
    return np.repeat(days, lengths).astype(str).tolist(), numbers, time


@pytest.mark.parametrize(("per_hour", "name"), [(2, "SettlementPeriod"), (1, "Hour")])
@pytest.mark.parametrize("count", [230, 3])
def test_numbers_of_days_with_a_change_are_read_by_their_zone(per_hour, name, count):
    dates, numbers, time = numbered(per_hour, count=count)
    table = pa.table({"Date": dates, name: numbers, "load": np.arange(len(numbers)) * 1.5})
    result = find_time(table, timezone="Europe/London")
    np.testing.assert_array_equal(result.time, time)
    np.testing.assert_array_equal(result.format.read(table), time)


@pytest.mark.parametrize(("per_hour", "name", "value"), [(2, "SettlementPeriod", 49), (1, "Hour", 25)])
def test_a_day_with_more_numbers_than_usual_needs_a_zone(per_hour, name, value):
    dates, numbers, _ = numbered(per_hour)
    row = int((numbers == value).argmax()) + 1
    with pytest.raises(
        UserError,
        match=rf"'{value}' in column '{name}' \(row {row:,}, 2024-10-27\) is beyond.*data.timezone=Europe",
    ):
        find_time(pa.table({"Date": dates, name: numbers, "load": np.arange(len(numbers)) * 1.5}))
