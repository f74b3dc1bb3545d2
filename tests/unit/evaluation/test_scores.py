"""The scores of a model next to the baselines, over all targets and for each."""

import numpy as np
import pytest

from tests.helpers.scored_case import TruthPlus, dataset
from tsforecast.evaluation.options import SpikeOptions
from tsforecast.evaluation.scores import score_model

SPIKES = SpikeOptions(threshold=None, quantile=0.95, min_gap=10, tolerance=2)


def test_single_target_has_no_separate_figures():
    data = dataset()
    scores = score_model(TruthPlus(data, 0.5), data, None).to_fields()
    assert scores["targets"] is None
    assert scores["spikes"] == {}
    assert scores["metrics"]["test/rmse"] > 0
    assert set(scores["skill"]) == set(scores["baselines"]) == {"persistence", "seasonal_naive"}


def test_each_of_several_targets_has_its_figures():
    data = dataset(("load", "other"))
    scores = score_model(TruthPlus(data, np.array([0.5, 0.0])), data, None).to_fields()
    load, other = (scores["targets"][name]["metrics"] for name in ("load", "other"))
    assert other["test/rmse"] == pytest.approx(0, abs=1e-6)
    assert load["test/mae"] > 0
    overall = scores["metrics"]["test/mae"]
    assert 0 < overall < load["test/mae"]
    persistence = scores["targets"]["load"]["baselines"]["persistence"]["test/rmse"]
    assert scores["targets"]["load"]["skill"]["persistence"] == pytest.approx(
        1 - load["test/rmse"] / persistence
    )


def test_the_headline_figures_of_spikes_join_the_metrics():
    data = dataset()
    scores = score_model(TruthPlus(data, 0.0), data, SPIKES).to_fields()
    assert scores["metrics"]["test/spike_f1"] == scores["spikes"]["load"]["model"]["event_f1"]
