import numpy as np
import pytest

from tsforecast.errors import UserError
from tsforecast.panels.grid import regularize_panel
from tsforecast.times.frequency import Frequency

HOUR = np.timedelta64(3600, "s")
START = np.datetime64("2024-01-01", "ns")


def rows(*hours, offset=0):
    """Series, times and values of one series for each list of hours."""
    series = np.concatenate([np.full(len(one), index) for index, one in enumerate(hours)])
    time = np.concatenate([START + np.array(one) * HOUR + np.timedelta64(offset, "s") for one in hours])
    return series, time, np.concatenate([np.array(one, float) for one in hours])[:, None]


def place(series, time, values, **options):
    ids = tuple("abcd"[: series.max() + 1])
    return regularize_panel(series, ids, time, values, **options)


def test_each_series_keeps_its_start_and_end_and_its_gaps_are_filled():
    placed = place(*rows(range(5), [10, 11, 14], range(3, 40)))
    assert placed.bounds.tolist() == [0, 5, 10, 47]
    np.testing.assert_array_equal(placed.values[5:10, 0], [10, 11, np.nan, np.nan, 14])
    assert (placed.time[5:10] == START + np.arange(10, 15) * HOUR).all()
    assert placed.grid.step == Frequency(3600)
    assert placed.notes == ("2 of 47 timestamps were missing; their rows count as unobserved.",)


def test_rows_in_any_order_are_sorted():
    series, time, values = rows(range(6), range(2, 9))
    order = np.random.default_rng(0).permutation(len(series))
    placed, sorted_ = place(series[order], time[order], values[order]), place(series, time, values)
    for name in ("time", "values", "bounds"):
        np.testing.assert_array_equal(getattr(placed, name), getattr(sorted_, name))


def test_rows_at_one_time_of_a_series_become_one():
    series, time, values = rows([0, 1, 1, 2, 3, 4, 5], range(7))
    placed = place(series, time, values, duplicates="sum")
    assert placed.values[:3, 0].tolist() == [0, 2, 2]
    assert placed.notes == ("1 rows shared their step with another; the sum of each step was taken.",)


def test_many_rows_that_repeat_id_and_time_are_refused():
    series, time, values = rows([0, 1, 1, 2, 2, 3, 4], range(7))
    with pytest.raises(UserError, match="2 of 14 rows repeat the time of another row of their series \\('a'"):
        place(series, time, values)


def test_months_are_recognized():
    month = np.arange("2020-01", "2023-01", dtype="datetime64[M]").astype("datetime64[ns]")
    series = np.repeat([0, 1], [36, 30])
    time = np.concatenate([month, month[:30]])
    placed = place(series, time, np.ones((66, 1)))
    assert placed.grid.step == Frequency(1, "mo")
    assert placed.bounds.tolist() == [0, 36, 66]


def test_a_series_that_is_off_the_grid_is_moved_and_noted():
    first, second = rows(range(9)), rows(range(9), offset=1200)
    series = np.concatenate([first[0], second[0] + 1])
    placed = place(
        series,
        np.concatenate([first[1], second[1]]),
        np.concatenate([first[2], second[2]]),
        frequency=Frequency(3600),
    )
    assert "9 timestamps lay between the steps of 1 h" in placed.notes[0]


def test_irregular_times_are_refused():
    rng = np.random.default_rng(0)
    time = START + np.sort(rng.choice(10_000_000, 200, replace=False)) * np.timedelta64(1, "s")
    with pytest.raises(UserError, match="irregular"):
        place(np.zeros(200, np.int64), time, np.ones((200, 1)))


def test_a_grid_that_is_mostly_empty_is_refused():
    with pytest.raises(UserError, match="would make"):
        place(*rows([0, 1, 2, 5000]), frequency=Frequency(3600))
