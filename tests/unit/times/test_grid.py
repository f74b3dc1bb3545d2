"""One grid for whole tables and for streams: the same positions, tolerance and gaps."""

import numpy as np
import pytest

from tsforecast.errors import UserError
from tsforecast.times.frequency import Frequency
from tsforecast.times.grid import SECOND, GridStream, TimeGrid, check_step, regularize

START = np.datetime64("2024-01-01T00:00:00", "ns")


def at(seconds):
    return START + (np.asarray(seconds) * SECOND).astype(np.int64).astype("timedelta64[ns]")


def test_jitter_within_a_tenth_of_a_step_loses_no_row():
    random = np.random.default_rng(13)
    time = at(np.arange(6000) + random.uniform(-0.02, 0.02, 6000))
    values = np.arange(6000.0)[:, None]
    _, stamps, regular, notes = regularize(time, values)
    assert notes == ()
    np.testing.assert_array_equal(regular, values)
    np.testing.assert_array_equal(stamps, at(np.arange(6000)).astype("datetime64[s]"))


def test_a_reading_between_two_grid_times_counts_at_the_later_one():
    grid = TimeGrid(step=Frequency(60), phase=0)
    early, on, late, between = at([54.0, 60.0, 66.0, 66.1])
    positions = grid.positions(np.array([early, on, late, between]))
    assert (positions - positions[1]).tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_pieces_give_what_the_whole_gives(piece):
    random = np.random.default_rng(0)
    seconds = np.sort(random.choice(np.arange(0, 60_000, 60), 700, replace=False)).astype(float)
    seconds += random.choice([0.0, 3.0], 700)
    seconds = np.sort(np.append(seconds, seconds[::50]))
    values = random.normal(size=(len(seconds), 2))
    _, stamps, whole, _ = regularize(at(seconds), values, Frequency(60))
    stream = GridStream(Frequency(60), grid=TimeGrid.from_times(at(seconds), Frequency(60)))
    parts = [
        stream.add(at(seconds[i : i + piece]), values[i : i + piece]) for i in range(0, len(seconds), piece)
    ]
    parts.append(stream.finish())
    np.testing.assert_array_equal(stream.times(np.concatenate([part[0] for part in parts])), stamps)
    np.testing.assert_array_equal(np.concatenate([part[1] for part in parts]), whole)
    assert stream.finish() is None


def test_of_a_long_gap_only_its_edges_are_given():
    stream = GridStream(Frequency(60), pad=2)
    positions, values = stream.add(at([0, 60, 60_000]), np.ones((3, 1)))
    assert np.diff(positions).tolist() == [1, 1, 1, 995, 1]
    assert np.isnan(values[:, 0]).tolist() == [False, False, True, True, True, True]
    assert stream.finish()[1].tolist() == [[1.0]]


def test_rows_of_another_step_are_refused():
    check_step(at([0, 60, 120, 7200]), TimeGrid(Frequency(60)))
    with pytest.raises(UserError, match="1 min apart and the model's 1 h"):
        check_step(at([0, 60, 120]), TimeGrid(Frequency(3600)))


@pytest.mark.parametrize("step", ["1bd", "1mo", "1d"])
def test_rows_that_repeat_their_time_have_the_step_of_the_others(step):
    grid = TimeGrid.from_times(
        np.array(["2024-01-01", "2024-02-01"], "datetime64[ns]"), Frequency.parse(step)
    )
    times = grid.times(np.arange(4)).astype("datetime64[ns]")
    check_step(np.repeat(times, 3), grid)
    check_step(np.repeat(times[:1], 3), grid)


@pytest.mark.parametrize("step", ["1bd", "1mo", "1q", "1d"])
def test_few_rows_with_a_gap_have_the_step_of_the_others(step):
    grid = TimeGrid.from_times(
        np.array(["2024-01-01", "2024-04-01"], "datetime64[ns]"), Frequency.parse(step)
    )
    check_step(grid.times(np.array([0, 2, 3])).astype("datetime64[ns]"), grid)
