import itertools
import math

import numpy as np
import pytest

from tsforecast.monitoring.cusum import CHARTS, WEEK, Cusum, PeakTail


def plain_page(values, slack):
    """One-sided CUSUM of Page (1954) as published."""
    total, path = 0.0, []
    for value in values:
        total = max(0.0, total + value - slack)
        path.append(total)
    return path


@pytest.mark.parametrize("chart", range(len(CHARTS)))
def test_the_statistic_is_the_published_one(chart):
    values = np.random.default_rng(0).normal(0.3, 1.0, 400)
    slack, clip = CHARTS[chart]
    path = Cusum(1, memory=math.inf).run(values[:, None])
    np.testing.assert_allclose(
        path[:, chart, 0, 0], plain_page(np.clip(values, -clip, clip), slack), rtol=1e-5, atol=1e-5
    )
    np.testing.assert_allclose(
        path[:, chart, 1, 0], plain_page(np.clip(-values, -clip, clip), slack), rtol=1e-5, atol=1e-5
    )


def test_a_lasting_shift_becomes_usual():
    charts = Cusum(1, memory=50)
    for _ in range(50):
        charts.update(np.array([2.0]))
    assert charts.baseline[0] == pytest.approx(1.0, abs=0.01)


def test_missing_values_leave_everything_as_it_is():
    charts = Cusum(2, memory=50, thresholds=np.full((3, 2, 2), 10.0))
    charts.update(np.array([2.0, 2.0]))
    before = charts.to_dict()
    charts.update(np.full(2, np.nan))
    assert charts.to_dict() == before


def test_an_alarm_ends_once_its_cause_is_gone_and_not_at_the_first_normal_block():
    charts = Cusum(1, memory=1e9, thresholds=np.full((3, 2, 1), 20.0))
    over = [bool(charts.update(np.array([value])).any()) for value in [0.0] * 5 + [3.0] * 40 + [0.0] * 60]
    assert not any(over[:10])
    assert all(over[20:46])
    assert not any(over[90:])
    assert sum(after != before for before, after in itertools.pairwise(over)) == 2


def test_thresholds_keep_the_stated_rate_on_new_values():
    rng = np.random.default_rng(1)
    hours, columns = 24 * 7 * 80, 8
    training, later = rng.normal(size=(2, hours, columns))
    tail = PeakTail.fit(Cusum(columns, memory=672).run(training), seconds=3600)
    rate = 0.02
    charts = Cusum(columns, memory=672, thresholds=tail.thresholds(rate / (2 * len(CHARTS))))
    active = np.array([charts.update(row) for row in later])
    starts = (active & ~np.concatenate([np.zeros((1, columns), bool), active[:-1]])).sum()
    expected = rate * columns * 80
    assert starts <= 2.5 * expected
    assert hours * 3600 / WEEK == 80


def test_a_rarer_alarm_has_a_higher_threshold():
    tail = PeakTail.fit(
        Cusum(1, memory=672).run(np.random.default_rng(2).normal(size=(3000, 1))), seconds=3600
    )
    thresholds = [float(tail.thresholds(rate)[0, 0, 0]) for rate in (1.0, 0.1, 0.01)]
    assert thresholds == sorted(thresholds)
    assert thresholds[0] < thresholds[2]


def test_statistics_without_training_values_have_a_threshold():
    tail = PeakTail.fit(np.zeros((100, 3, 2, 1)), seconds=3600)
    assert (tail.thresholds(0.1) > 0).all()
