"""Irregular rows become bins that are dated by their end, whole and in pieces."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsforecast.errors import UserError
from tsforecast.times.frequency import Frequency
from tsforecast.times.resample import (
    AGGREGATES,
    Resampler,
    advised_step,
    aggregate_of,
    check_aggregate,
    resample,
)
from tsforecast.times.time_grid import TimeGrid

START = np.datetime64("2024-01-30T22:00", "ns")
FIGURES = {"mean": np.nanmean, "sum": np.nansum, "max": np.nanmax, "min": np.nanmin, "last": lambda x: x[-1]}


def at(seconds):
    return START + (np.asarray(seconds) * 10**9).astype("timedelta64[ns]")


@st.composite
def irregular(draw):
    gaps = draw(st.lists(st.integers(1, 200_000), min_size=2, max_size=60))
    missing = draw(st.lists(st.booleans(), min_size=len(gaps), max_size=len(gaps)))
    values = np.where(missing, np.nan, np.random.default_rng(len(gaps)).normal(size=len(gaps)))
    return at(np.cumsum(gaps)), values[:, None]


@settings(max_examples=40, deadline=None)
@given(irregular(), st.sampled_from(["15min", "1h", "1d", "1w", "1bd", "1mo"]), st.sampled_from(AGGREGATES))
def test_a_bin_has_the_rows_up_to_its_end_and_no_later_ones(rows, step, how):
    time, values = rows
    grid = TimeGrid.of_bins(Frequency.parse(step))
    bins = Resampler(grid, [how])
    pieces = [bins.add(time, values), bins.finish()]
    ends = np.concatenate([piece[0] for piece in pieces])
    found = np.concatenate([piece[1] for piece in pieces])[:, 0]
    assert (np.diff(ends) > np.timedelta64(0)).all()
    for end, value in zip(ends, found, strict=True):
        start = grid.shift(end.astype("datetime64[s]"), -1).astype("datetime64[ns]")
        inside = values[(time > start) & (time <= end), 0]
        known = inside[~np.isnan(inside)]
        assert len(inside)
        np.testing.assert_allclose(value, FIGURES[how](known) if len(known) else np.nan)
    assert bins.rows == len(time)


@settings(max_examples=40, deadline=None)
@given(irregular(), st.sampled_from(AGGREGATES), st.integers(1, 20))
def test_pieces_give_what_the_whole_gives(rows, how, size):
    time, values = rows
    grid = TimeGrid.of_bins(Frequency(3600))
    whole, pieces = Resampler(grid, [how]), Resampler(grid, [how])
    expected = [whole.add(time, values), whole.finish()]
    found = [pieces.add(time[i : i + size], values[i : i + size]) for i in range(0, len(time), size)]
    found.append(pieces.finish())
    for index in (0, 1):
        np.testing.assert_array_equal(
            *(np.concatenate([part[index] for part in parts]) for parts in (expected, found))
        )


def test_bins_are_round_times_dated_by_their_end():
    time = np.array(
        ["2024-01-31T23:59:59", "2024-02-01T00:00", "2024-02-01T00:00:01", "2024-02-05"], "datetime64[ns]"
    )
    values = np.array([[1.0], [2.0], [4.0], [8.0]])
    for step, ends, sums in (
        ("1h", ["2024-02-01T00", "2024-02-01T01", "2024-02-05T00"], [3, 4, 8]),
        ("1d", ["2024-02-01T00", "2024-02-02T00", "2024-02-05T00"], [3, 4, 8]),
        ("1w", ["2024-02-05T00"], [15]),
        ("1mo", ["2024-02-01T00", "2024-03-01T00"], [3, 12]),
        ("1q", ["2024-04-01T00"], [15]),
    ):
        bins = Resampler(TimeGrid.of_bins(Frequency.parse(step)), ["sum"])
        pieces = [bins.add(time, values), bins.finish()]
        found = np.concatenate([piece[0] for piece in pieces]).astype("datetime64[h]").astype(str).tolist()
        assert (found, np.concatenate([piece[1] for piece in pieces])[:, 0].tolist()) == (ends, sums)


def test_rows_at_one_time_are_one_before_their_bin():
    time, values = at([10, 10, 20, 5000]), np.array([[1.0], [3.0], [10.0], [0.0]])
    for duplicates, total in ((None, 13.0), ("first", 11.0), ("mean", 12.0), ("sum", 14.0)):
        _, found, notes = resample(
            time, values, Resampler(TimeGrid.of_bins(Frequency(3600)), ["sum"], duplicates)
        )
        assert found[0, 0] == total
        assert notes[0].startswith("1 rows repeat the time of another")


def test_a_whole_table_is_sorted_and_counted():
    time, values = at([7300, 10, 3700, 20]), np.ones((4, 2))
    time[3] = np.datetime64("NaT")
    ends, found, notes = resample(time, values, Resampler(TimeGrid.of_bins(Frequency(3600)), ["sum", "mean"]))
    assert (len(ends), found.sum()) == (3, 6)
    assert [note.split()[0] for note in notes] == ["1", "The", "3"]
    assert notes[-1] == "3 rows were summarized in 3 bins of 1 h, dated by their end."
    with pytest.raises(UserError, match=r"one bin of 1 d: state a shorter data\.resample"):
        resample(at([10, 20]), np.ones((2, 1)), Resampler(TimeGrid.of_bins(Frequency(86_400)), ["sum"]))


def test_rows_that_go_back_beyond_the_newest_bin_are_refused():
    bins = Resampler(TimeGrid.of_bins(Frequency(60)), ["mean"])
    bins.add(at([0, 100]), np.ones((2, 1)))
    with pytest.raises(UserError, match="go back in time"):
        bins.add(at([50]), np.ones((1, 1)))


def test_many_rows_at_one_time_are_refused_unless_decided():
    time, values = at(np.repeat(np.arange(50), 2)), np.ones((100, 1))
    for duplicates, refused in ((None, True), ("mean", False)):
        bins = Resampler(TimeGrid.of_bins(Frequency(60)), ["mean"], duplicates)
        bins.add(time, values)
        if refused:
            with pytest.raises(UserError, match="50 of 100 rows repeat the time"):
                bins.finish()
        else:
            assert bins.finish() is not None


def test_each_column_has_its_own_figure():
    assert aggregate_of(("a", "b"), None) == ["mean", "mean"]
    assert aggregate_of(("a", "b"), "max", codes=("b",)) == ["max", "last"]
    with pytest.raises(UserError, match=r"no column .flw.\. Did you mean .flow.\?"):
        aggregate_of(("flow",), {"flw": "sum"})


@pytest.mark.parametrize("how", ["median", {"flow": "avg"}, 3])
def test_an_unknown_figure_is_refused(how):
    with pytest.raises(UserError, match=r"data\.aggregate is .*write mean, sum, last, max or min"):
        check_aggregate(how)
    check_aggregate({"flow": "sum"})


def test_the_advised_step_is_round_and_holds_most_gaps():
    assert advised_step(at([0, 50, 100, 160, 1000])) == "5min"
    assert advised_step(at(np.cumsum([3000, 3500, 3590, 100]))) == "1h"


@pytest.mark.parametrize("duplicates", ["mean", "sum"])
def test_codes_of_rows_at_one_time_are_not_averaged(duplicates):
    values = np.array([[1.0, 2.0], [3.0, 5.0], [4.0, 3.0]])
    bins = Resampler(TimeGrid.of_bins(Frequency(3600)), ["mean", "last"], duplicates, codes=[1])
    _, rows, _ = resample(at([10, 10, 7000]), values, bins)
    assert rows[0].tolist() == [2.0 if duplicates == "mean" else 4.0, 5.0]
