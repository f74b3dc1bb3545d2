"""Which windows have a spike."""

import math

import numpy as np
import pytest

from tests.helpers.spike_cases import rule
from tsforecast.metrics import spikes

NAN = math.nan


def test_labels_by_hand():
    truth = np.array([[1.0, 3.0], [1.0, 1.5], [NAN, 3.0], [NAN, 1.0], [NAN, NAN], [9.0, 9.0]])
    origin = np.array([1.0, 1, 1, 1, 1, NAN])
    spike, known = spikes.label_spikes(truth, origin, 1.5)
    assert spike.tolist() == [True, False, True, False, False, False]
    assert known.tolist() == [True, True, True, False, False, False]


def test_threshold_from_quantile_matches_a_loop():
    rng = np.random.default_rng(2)
    values = rng.normal(size=80)
    values[rng.random(80) < 0.1] = NAN
    rises = []
    for start in range(80):
        steps = [values[row] if row < 80 else NAN for row in (start + 2, start + 3, start + 4)]
        rise = [step - values[start] for step in steps]
        if not any(map(math.isnan, rise)):
            rises.append(max(rise))
    assert spikes.threshold_from_quantile(values, 2, 3, 0.9) == pytest.approx(np.quantile(rises, 0.9))
    assert math.isnan(spikes.threshold_from_quantile(values[:4], 2, 3, 0.9))
    assert math.isnan(spikes.threshold_from_quantile(np.full(9, NAN), 1, 1, 0.9))


def test_the_quantile_sets_the_share_of_training_spikes():
    values = np.random.default_rng(3).normal(size=2001)
    threshold = spikes.threshold_from_quantile(values, 1, 1, 0.95)
    spike, _ = spikes.label_spikes(values[1:, None], values[:-1], threshold)
    assert spike.mean() == pytest.approx(0.05, abs=1e-3)


@pytest.mark.parametrize(
    "change",
    [{"lead": 0}, {"min_gap": 0}, {"tolerance": -1}, {"stride": 0}, {"rows_per_day": 0}, {"threshold": NAN}],
)
def test_a_rule_out_of_range_is_refused(change):
    with pytest.raises(ValueError, match=f"{next(iter(change))} is"):
        rule(**change)


def test_a_quantile_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"quantile is 1\.5"):
        spikes.threshold_from_quantile(np.zeros(9), 1, 1, 1.5)
