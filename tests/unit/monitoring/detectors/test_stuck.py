import numpy as np
import pytest

from tsforecast.monitoring.detectors.stuck import LongestRuns, RunLearner, StuckSensor


def learn(columns, cuts=()):
    values = np.array(columns, float).T
    learner = RunLearner(values.shape[1], values)
    for part in np.split(values, cuts):
        learner.add(part)
    return learner.result()


@pytest.mark.parametrize("cuts", [(), (1, 3, 11, 12)], ids=["at once", "in pieces"])
def test_runs_at_rest_and_elsewhere_are_learned(cuts):
    column = [0] * 6 + [2] * 3 + [0] * 2 + [5] * 9 + [7] * 4 + [0]
    runs = learn([column], cuts)
    assert (runs.resting.tolist(), runs.at_rest.tolist(), runs.elsewhere.tolist()) == ([0], [6], [4])


def test_missing_values_do_not_end_a_run():
    runs = learn([[1, 1, np.nan, 1, 2, 2, np.nan, np.nan, 2, 3, 3, 1, 1]])
    assert (runs.at_rest.tolist(), runs.elsewhere.tolist()) == ([3.0], [2.0])


def test_a_run_at_rest_has_its_own_limit():
    detector = StuckSensor(LongestRuns(np.array([0.0]), np.array([100.0]), np.array([4.0])), factor=1.5)
    assert detector.update(np.zeros((151, 1))).active[:, 0].tolist() == [False] * 150 + [True]
    assert detector.update(np.full((10, 1), 3.0)).active[:, 0].tolist() == [False] * 9 + [True]


def test_pieces_give_the_same_with_missing_values_at_their_borders():
    rng = np.random.default_rng(0)
    values = np.repeat(rng.integers(0, 3, 60), 8).astype(float)[:, None]
    values[rng.uniform(size=values.shape) < 0.5] = np.nan
    learned = LongestRuns(np.array([0.0]), np.array([9.0]), np.array([2.0]))
    whole = StuckSensor(learned, 1.0).update(values)
    detector = StuckSensor(learned, 1.0)
    pieces = [detector.update(part) for part in np.split(values, range(1, len(values)))]
    assert np.concatenate([piece.active for piece in pieces]).tolist() == whole.active.tolist()
    assert whole.active.any()


def test_a_sensor_that_was_never_observed_is_not_stuck():
    runs = learn([[np.nan] * 5])
    assert not StuckSensor(runs, 1.0).update(np.full((9, 1), np.nan)).active.any()
