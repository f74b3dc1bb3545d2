"""The spike scorecard of a run: what ranks the windows, where the alarm level comes from, one card a target."""

import dataclasses

import numpy as np
import pytest

from tsforecast.data.dataset import build_dataset
from tsforecast.data.series import Series
from tsforecast.evaluation.evaluate import evaluate
from tsforecast.evaluation.spikes import spike_metrics, spike_scores, spike_tables
from tsforecast.metrics import spikes
from tsforecast.models.task import Task

LEAD, HORIZON = 3, 2


def dataset(targets=("load",)):
    rng = np.random.default_rng(0)
    rows = 3000
    jumps = np.repeat(rng.choice([0.0, 0.0, 4.0], size=rows // 15), 15)
    load = 10 + jumps + 0.1 * rng.normal(size=rows)
    load[2700] = np.nan
    other = 5 + np.roll(jumps, 7) + 0.1 * rng.normal(size=rows)
    series = Series(
        time=np.datetime64("2024-01-01", "s") + 60 * np.arange(rows),
        values=np.stack([load, other], axis=1),
        features=("load", "other"),
        targets=targets,
        season=1440,
        unit="kW",
    )
    split = {"train": 0.5, "val": 0.25, "test": 0.25}
    return build_dataset(series, lookback=5, lead=LEAD, horizon=HORIZON, stride=1, split=split)


class Told:
    """A model that is told its forecasts ``[n, H, T(, Q)]``: the truth plus something."""

    def __init__(self, data, add, levels=None, threshold=2.0):
        count = len(data.target_indices)
        self.task = Task(5, 2, LEAD, HORIZON, data.target_indices, quantile_levels=levels)
        self.metadata = {"spike": {"threshold": [threshold] * count}}
        self.add, self.asked = add, []

    def forecast(self, windows):
        self.asked.append((int(windows.ends[0]), int(windows.ends[-1])))
        truth = np.nan_to_num(windows.targets(windows.ends))
        return (truth if self.task.quantile_levels is None else truth[..., None]) + self.add


def scored(data, model):
    return spike_scores(model, data, evaluate(model, data, "test"), min_gap=10, tolerance=2)


def test_a_forecast_that_is_the_truth_scores_fully():
    data = dataset()
    found = scored(data, Told(data, 0.0))["load"]
    assert found["score"] == "forecast rise"
    assert found["model"]["average_precision"] == pytest.approx(1)
    assert found["model"]["event_f1"] == 1
    assert found["model"]["rmse_on"] == pytest.approx(0, abs=1e-5)
    assert found["random"]["average_precision"] < 0.3
    assert found["always"]["average_precision"] == pytest.approx(found["model"]["prevalence"])
    assert found["persistence"]["rmse_on"] > 2


def test_the_alarm_level_comes_from_validation_windows():
    data = dataset()
    model = Told(data, 0.0)
    found = scored(data, model)["load"]
    (start, _), (val_first, val_last) = model.asked
    assert val_last + LEAD + HORIZON <= data.borders[1][1] < start + LEAD + HORIZON
    val = evaluate(model, data, "val")
    origin = data.scaler.inverse_targets(data.truths[val.ends])[:, 0]
    rule = spikes.SpikeRule(2.0, LEAD, 10, 2, 1440)
    rise = spikes.forecast_rise(val.forecast[..., 0], origin)
    expected = spikes.choose_alarm_level(val.truth[..., 0], origin, val.ends, rise, rule)
    assert found["alarm_level"] == expected
    assert val_first == val.ends[0]


def test_quantiles_are_ranked_by_their_exceedance_probability():
    data = dataset()
    model = Told(data, np.array([-0.5, 0.0, 0.5]), levels=(0.1, 0.5, 0.9))
    found = scored(data, model)["load"]
    assert found["score"] == "exceedance probability of the quantiles"
    assert 0 < found["alarm_level"] < 1
    assert found["model"]["average_precision"] > 0.99


def test_a_spike_heads_probability_ranks_where_there_is_one():
    data = dataset()
    model = Told(data, 0.0)
    test, val = evaluate(model, data, "test"), evaluate(model, data, "val")
    rng = np.random.default_rng(1)
    with_head = [dataclasses.replace(part, spike=rng.uniform(size=part.truth.shape)) for part in (test, val)]
    import tsforecast.evaluation.spikes as module

    found = module._of_target(
        data, with_head[1], with_head[0], 0, spikes.SpikeRule(2.0, LEAD, 10, 2, 1440), None
    )
    assert found["score"] == "probability of the spike head"
    origin = data.scaler.inverse_targets(data.truths[test.ends])[:, 0]
    spike, known = spikes.label_spikes(test.truth[..., 0], origin, 2.0)
    likeliest = with_head[0].spike[..., 0].max(axis=1)
    assert found["model"]["average_precision"] == spikes.average_precision(spike[known], likeliest[known])


def test_each_target_has_its_card_and_a_table():
    data = dataset(("load", "other"))
    found = scored(data, Told(data, 0.3))
    assert list(found) == ["load", "other"]
    means = spike_metrics(found)
    assert means["spike_f1"] == np.mean([found[name]["model"]["event_f1"] for name in found])
    tables = spike_tables(found, "kW")
    assert [heading for heading, _, _ in tables] == ["Spikes of load", "Spikes of other"]
    rows = {row["figure"]: row for row in tables[0][2]}
    assert rows["average precision"]["model"] == found["load"]["model"]["average_precision"]
    assert rows["RMSE on spikes (kW)"]["persistence"] == found["load"]["persistence"]["rmse_on"]


def test_without_a_threshold_there_is_no_card():
    data = dataset()
    assert scored(data, Told(data, 0.0, threshold=None)) == {}
    assert spike_metrics({}) == {}
    assert spike_tables({}, "kW") == []
