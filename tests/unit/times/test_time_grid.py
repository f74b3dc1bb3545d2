"""Positions and times of grids: fixed steps, months, quarters, years and business days."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsforecast.errors import UserError
from tsforecast.times.frequency import DAY, Frequency
from tsforecast.times.grid import check_stated_step, check_step, regularize
from tsforecast.times.time_grid import LAST_DAY, TimeGrid

CALENDAR = st.one_of(
    st.tuples(st.sampled_from([1, 2, 3, 6, 12]), st.just("mo")), st.tuples(st.integers(1, 3), st.just("bd"))
).map(lambda step: Frequency(*step))
STEPS = st.one_of(CALENDAR, st.integers(1, 40 * DAY).map(Frequency))


@st.composite
def grids(draw, steps=STEPS):
    step = draw(steps)
    clock = draw(st.sampled_from([0, 1, 43_200, DAY - 1]))
    if step.unit == "mo":
        day = draw(st.sampled_from([0, 14, 27, 28, LAST_DAY]))
        return TimeGrid(step, day * DAY + clock, draw(st.integers(0, step.count - 1)))
    return TimeGrid(step, clock if step.unit == "bd" else clock % step.count)


DATES = st.dates(date(1710, 1, 1), date(2100, 1, 1)).map(lambda day: np.datetime64(day, "ns"))


def number(grid, day):
    return int(grid.positions(np.array([day]))[0])


def stamps(*texts):
    return np.array(texts, "datetime64[ns]")


@settings(max_examples=40, deadline=None)
@given(grids(), DATES)
def test_a_grid_time_has_the_position_that_it_came_from(grid, day):
    first = number(grid, day)
    positions = np.arange(first, first + 60)
    times = grid.times(positions)
    assert (np.diff(times.astype(np.int64)) > 0).all()
    np.testing.assert_array_equal(grid.positions(times.astype("datetime64[ns]")), positions)
    exact = TimeGrid(grid.step, grid.phase, grid.month, exact=True)
    np.testing.assert_array_equal(exact.positions(times.astype("datetime64[ns]")), positions)


@settings(max_examples=40, deadline=None)
@given(grids(), DATES, st.integers(0, 10**9))
def test_no_time_after_a_grid_time_counts_as_on_it_beyond_a_tenth_of_a_step(grid, day, draw):
    first = number(grid, day)
    before, after = (
        grid.times(np.array([first, first + 1])).astype("datetime64[ns]").astype(np.int64).tolist()
    )
    time = before + draw * (after - before) // 10**9
    slack = grid.step.seconds * 10**9 // 10
    expected = first if time <= before + slack else first + 1
    assert grid.positions(np.array([time], "datetime64[ns]"))[0] == expected
    exact = TimeGrid(grid.step, grid.phase, grid.month, exact=True)
    position = exact.positions(np.array([time], "datetime64[ns]"))
    assert exact.times(position).astype("datetime64[ns]").astype(np.int64)[0] >= time
    assert exact.times(position - 1).astype("datetime64[ns]").astype(np.int64)[0] < time


@settings(max_examples=40, deadline=None)
@given(grids(), DATES, st.integers(-400, 400))
def test_shifting_a_grid_time_gives_the_grid_time_so_many_steps_later(grid, day, steps):
    first = number(grid, day)
    now, later = grid.times(np.array([first, first + steps]))
    assert grid.shift(now, steps) == later


@settings(max_examples=40, deadline=None)
@given(grids(CALENDAR), DATES)
def test_the_grid_of_times_is_found_from_them(grid, day):
    first = number(grid, day)
    times = grid.times(np.arange(first, first + 40)).astype("datetime64[ns]")
    found = TimeGrid.from_times(times, grid.step)
    np.testing.assert_array_equal(found.times(found.positions(times)), times.astype("datetime64[s]"))


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["1mo", "1q", "1y", "1bd"]), DATES, st.booleans())
def test_calendar_steps_are_recognized(text, day, at_end):
    step = Frequency.parse(text)
    grid = TimeGrid(step, LAST_DAY * DAY if at_end and step.unit == "mo" else 0)
    first = number(grid, day)
    times = grid.times(np.arange(first, first + 40)).astype("datetime64[ns]")
    found, regular, _, notes = regularize(times, np.zeros((40, 1)))
    assert (found.step, notes) == (step, ())
    np.testing.assert_array_equal(regular, times.astype("datetime64[s]"))


def test_a_missing_month_and_a_market_holiday_are_missing_rows():
    months = TimeGrid(Frequency(1, "mo")).times(np.arange(24)).astype("datetime64[ns]")
    grid, times, values, notes = regularize(np.delete(months, 7), np.ones((23, 1)))
    assert (len(times), np.isnan(values[:, 0]).nonzero()[0].tolist()) == (24, [7])
    assert notes == ("1 of 24 timestamps were missing; their rows count as unobserved.",)
    days = TimeGrid(Frequency(1, "bd"), 16 * 3600).times(np.arange(60)).astype("datetime64[ns]")
    grid, times, values, _ = regularize(np.delete(days, [11, 33]), np.ones((58, 1)))
    assert (str(grid.step), grid.phase) == ("1bd", 16 * 3600)
    assert np.isnan(values[:, 0]).nonzero()[0].tolist() == [11, 33]


def test_first_and_last_trading_days_are_months():
    first = stamps(
        "2024-01-02", "2024-02-01", "2024-03-01", "2024-04-01", "2024-05-02", "2024-06-03", "2024-07-01"
    )
    grid, times, _, notes = regularize(first, np.ones((7, 1)))
    assert (str(grid.step), len(times)) == ("1mo", 7)
    assert "moved" in notes[0]
    last = stamps(
        "2024-01-31", "2024-02-29", "2024-03-28", "2024-04-30", "2024-05-31", "2024-06-28", "2024-07-31"
    )
    grid, times, _, notes = regularize(last, np.ones((7, 1)))
    assert (str(grid.step), str(times[2])[:10]) == ("1mo", "2024-03-31")


@pytest.mark.parametrize("days", [28, 30, 31, 91, 365, 364])
def test_fixed_steps_of_about_a_month_or_year_stay_fixed(days):
    times = (np.arange(24) * days * DAY * 10**9).astype("datetime64[ns]") + np.timedelta64(9, "D")
    grid, _, _, notes = regularize(times, np.ones((24, 1)))
    assert (grid.step, notes) == (Frequency(days * DAY), ())


def test_days_are_business_days_only_if_no_row_is_on_a_weekend():
    days = np.arange(np.datetime64("2024-01-01"), np.datetime64("2024-02-01")).astype("datetime64[ns]")
    workdays = days[np.is_busday(days.astype("datetime64[D]"))]
    assert TimeGrid.from_times(workdays).step == Frequency(1, "bd")
    assert TimeGrid.from_times(np.sort(np.append(workdays, days[5]))).step == Frequency(DAY)
    assert TimeGrid.from_times(workdays[:5]).step == Frequency(DAY)


@pytest.mark.parametrize(("step", "advice"), [("30d", "1mo"), ("31d", "1mo"), ("91d", "1q"), ("365d", "1y")])
def test_a_fixed_step_for_months_is_refused_with_the_calendars(step, advice):
    times = TimeGrid(Frequency.parse(advice)).times(np.arange(40)).astype("datetime64[ns]")
    with pytest.raises(UserError, match=f"write data.frequency={advice}"):
        check_stated_step(times, Frequency.parse(step))
    check_stated_step(times, Frequency.parse(advice))


def test_ends_of_months_stay_ends_and_other_days_stay():
    starts = TimeGrid(Frequency(1, "mo"))
    later = starts.shift(np.array(["2024-01-31", "2024-01-15", "2024-01-01"], "datetime64[s]"), 1)
    assert later.astype("datetime64[D]").astype(str).tolist() == ["2024-02-29", "2024-02-15", "2024-02-01"]
    days = TimeGrid(Frequency(1, "bd")).shift(
        np.array(["2024-01-05T16:00", "2024-01-06"], "datetime64[s]"), 1
    )
    assert days.astype(str).tolist() == ["2024-01-08T16:00:00", "2024-01-08T00:00:00"]


def test_a_grid_is_stored_without_loss():
    for grid in (TimeGrid(Frequency(900), 60), TimeGrid(Frequency(3, "mo"), 30 * DAY, 1, exact=True)):
        assert TimeGrid.from_dict(grid.to_dict()) == grid


def test_rows_of_another_step_than_the_models_are_refused():
    months = TimeGrid(Frequency(1, "mo"))
    check_step(months.times(np.arange(5)).astype("datetime64[ns]"), months)
    check_step(TimeGrid(Frequency(1, "mo"), 30 * DAY).times(np.arange(5)).astype("datetime64[ns]"), months)
    with pytest.raises(UserError, match="are 1 quarter apart and the model's 1 month"):
        check_step(TimeGrid(Frequency(3, "mo")).times(np.arange(5)).astype("datetime64[ns]"), months)
    days = np.arange(np.datetime64("2024-01-01"), np.datetime64("2024-02-01")).astype("datetime64[ns]")
    with pytest.raises(UserError, match="are 1 d apart and the model's 1 business day"):
        check_step(days, TimeGrid(Frequency(1, "bd")))
