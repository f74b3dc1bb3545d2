"""Conformal intervals: the width of the textbook, coverage whatever the series does, nothing of the future."""

import math

import numpy as np
import pytest

from tests.helpers.serving_case import make_metadata, make_task
from tsforecast.inference.forecasts import Forecasts
from tsforecast.inference.intervals import MIN_SCORES, AdaptiveIntervals, create_intervals
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.inference.options import IntervalOptions
from tsforecast.inference.scorer import Scorer


def make(**options):
    return AdaptiveIntervals(1, 1, **{"coverage": 0.8, "rate": 0.02, "memory": 200, **options})


def cube(values):
    return np.asarray(values, float).reshape(-1, 1, 1)


def replay(intervals, truths, forecasts):
    """Gives an interval to one forecast after the other, and tells its truth at once; returns what was inside."""
    inside = []
    for truth, value in zip(truths, forecasts, strict=True):
        lower, upper = intervals.bounds(cube(value), cube(value))
        intervals.update(cube(value), cube(value), lower, upper, cube(truth))
        if not np.isnan(lower):
            inside.append(lower.item() <= truth <= upper.item())
    return np.array(inside)


def test_the_edges_are_the_conformal_quantiles_of_the_errors():
    errors = np.random.default_rng(0).exponential(size=99)
    intervals = make()
    intervals.calibrate(cube(np.zeros(99)), cube(np.zeros(99)), cube(errors))
    rank = math.ceil(100 * 0.9)
    lower, upper = intervals.bounds(cube(5), cube(5))
    assert upper.item() == pytest.approx(5 + np.sort(errors)[rank - 1])
    assert lower.item() == pytest.approx(5 - np.sort(-errors)[rank - 1])


def test_a_band_of_quantiles_is_corrected_inwards_too():
    truths = np.random.default_rng(0).uniform(-1, 1, 500)
    intervals = make(memory=500)
    intervals.calibrate(cube(np.full(500, -9.0)), cube(np.full(500, 9.0)), cube(truths))
    lower, upper = intervals.bounds(cube(-9), cube(9))
    assert lower.item() == pytest.approx(-0.8, abs=0.1)
    assert upper.item() == pytest.approx(0.8, abs=0.1)


def test_there_is_no_interval_before_there_are_scores():
    intervals = make()
    inside = replay(intervals, np.zeros(MIN_SCORES + 5), np.zeros(MIN_SCORES + 5))
    assert len(inside) == 5
    assert intervals.summary() == {"nominal": 0.8, "observed": 1.0, "truths": 5}


@pytest.mark.parametrize("rate", [0.0, 0.02])
def test_coverage_holds_when_the_errors_grow_only_if_the_level_follows(rate):
    rng = np.random.default_rng(1)
    spread = np.linspace(1, 30, 2000)  # scores of the past are always too small
    inside = replay(make(rate=rate, memory=500), rng.normal(size=2000) * spread, np.zeros(2000))
    miss = abs(inside[500:].mean() - 0.8)
    assert miss < 0.03 if rate else miss > 0.05


def test_each_tail_is_missed_as_often_as_the_other():
    rng = np.random.default_rng(2)
    truths, intervals = rng.exponential(size=2500), make(memory=250)
    below, above = 0, 0
    for truth in truths:
        lower, upper = intervals.bounds(cube(1), cube(1))
        below, above = below + int(truth < lower.item()), above + int(truth > upper.item())
        intervals.update(cube(1), cube(1), lower, upper, cube(truth))
    assert below / 2500 == pytest.approx(0.1, abs=0.02)
    assert above / 2500 == pytest.approx(0.1, abs=0.02)


def test_one_truth_teaches_what_a_block_of_one_does():
    one, block = make(), make()
    for intervals in (one, block):
        intervals.calibrate(cube(np.zeros(50)), cube(np.zeros(50)), cube(np.linspace(-1, 1, 50)))
    block.update(cube(0), cube(0), cube(-0.5), cube(0.5), cube(0.7))
    one.update_one(0, 0, band=(0, 0), interval=(-0.5, 0.5), truth=0.7)
    assert np.array_equal(one.margins(), block.margins())
    assert np.array_equal(one.levels, block.levels)
    assert one.summary() == block.summary() == {"nominal": 0.8, "observed": 0.0, "truths": 1}
    assert one.levels[1, 0, 0] < 0.1 < one.levels[0, 0, 0]


def test_unobserved_truths_teach_nothing():
    intervals = make()
    intervals.calibrate(cube(np.zeros(30)), cube(np.zeros(30)), cube(np.linspace(-1, 1, 30)))
    before = intervals.to_bytes()
    intervals.update(cube(0), cube(0), cube(-1), cube(1), cube(np.nan))
    assert intervals.to_bytes() == before


@pytest.mark.parametrize("memory", [50, 200, 500])
def test_what_was_learned_comes_back_also_with_another_memory(memory):
    first = make()
    replay(first, np.random.default_rng(3).normal(size=333), np.zeros(333))
    second = make(memory=memory)
    assert second.restore(first.to_bytes())
    assert second.summary() == first.summary()
    assert np.array_equal(second.levels, first.levels)
    kept = min(memory, 200)
    newest = np.array([first.scores[0, 0, 0, (333 - 1 - back) % 200] for back in range(kept)])
    assert np.array_equal(np.sort(newest), np.sort(second.scores[0, 0, 0][~np.isnan(second.scores[0, 0, 0])]))
    if memory == 200:
        assert np.array_equal(second.margins(), first.margins())


def test_a_calibration_starts_with_its_scores_alone():
    calibration = make()
    replay(calibration, np.random.default_rng(3).normal(size=300), np.zeros(300))
    options = IntervalOptions(coverage=0.5, rate=0.1, memory=200)
    started = create_intervals(1, 1, options, calibration.to_bytes())
    assert started.summary() == {"nominal": 0.5, "observed": None, "truths": 0}
    assert (started.levels == 0.25).all()
    assert not np.isnan(started.margins()).any()
    other = create_intervals(2, 1, options, calibration.to_bytes())  # of another horizon
    assert np.isnan(other.margins()).all()


def test_intervals_along_a_stream_depend_on_nothing_that_comes_later():
    """The same first intervals, whatever the truths behind the places where they were given are."""
    metadata = ModelMetadata.from_task(make_task(), make_metadata())

    def first_half(seed_of_the_end):
        truths = np.concatenate(
            [
                np.random.default_rng(0).normal(size=200),
                np.random.default_rng(seed_of_the_end).normal(size=200),
            ]
        )
        intervals = AdaptiveIntervals(2, 1, coverage=0.8, rate=0.1, memory=100)
        scorer, given = Scorer(intervals, metadata), []
        scorer.observe(np.arange(400), truths[:, None])  # all rows of a stretch are known at once
        for end in range(0, 200, 4):
            ends = np.arange(end, end + 4)
            values = np.zeros((4, 2, 1))
            given.append(scorer.compute_intervals(ends, Forecasts(values, values, values)))
        scorer.finish()
        assert intervals.summary()["truths"] > 100
        return np.array(given)

    one, other = first_half(1), first_half(2)
    assert np.array_equal(one, other, equal_nan=True)
    assert not np.isnan(one[-1]).any()


def test_memory_grows_with_the_scores_up_to_its_size():
    """A model of many series has intervals for each, most of which see few truths."""
    intervals, errors = make(memory=1000), np.arange(1500.0)
    zeros = np.zeros((1, 1, 1))
    for number, size in ((20, 32), (33, 64), (900, 900), (1500, 1000)):
        seen = int(intervals.seen[0, 0])
        new = errors[seen:number].reshape(-1, 1, 1)
        intervals.calibrate(np.broadcast_to(zeros, new.shape), np.broadcast_to(zeros, new.shape), new)
        assert intervals.scores.shape[-1] == size
        newest = np.sort(intervals.scores[1, 0, 0])[: min(number, 1000)]
        np.testing.assert_array_equal(newest, errors[max(0, number - 1000) : number])


@pytest.mark.parametrize("count", [1, 5, 32, 200])
@pytest.mark.parametrize("memory", [30, 1000])
def test_a_whole_block_is_learned_as_each_step_alone(count, memory):
    rng = np.random.default_rng(count)
    together, alone = (AdaptiveIntervals(3, 2, coverage=0.8, rate=0.03, memory=memory) for _ in range(2))
    for _ in range(9):
        low, width, truth = (rng.normal(size=(count, 3, 2)) for _ in range(3))
        high = low + np.abs(width)
        bounds = together.bounds(low, high)
        together.update(low, high, *bounds, truth)
        for step, target in np.ndindex(3, 2):
            one = (slice(None), step, target)
            alone._move_levels(step, target, truth[one], bounds[0][one], bounds[1][one])
            alone._add_scores(step, target, low[one] - truth[one], truth[one] - high[one])
        for name in ("levels", "seen", "inside", "truths"):
            np.testing.assert_array_equal(getattr(together, name), getattr(alone, name))
        np.testing.assert_array_equal(together.margins(), alone.margins())
