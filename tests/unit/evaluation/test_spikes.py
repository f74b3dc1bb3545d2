"""The spike scorecard of a run: what ranks the windows, where the alarm level comes from, one card per target."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from tests.helpers.panel_case import make_panel
from tests.helpers.scored_case import HORIZON, LEAD, TruthPlus, dataset
from tsforecast.data.dataset import build_dataset
from tsforecast.evaluation.evaluate import evaluate
from tsforecast.evaluation.options import SpikeOptions
from tsforecast.evaluation.spike_thresholds import spike_thresholds
from tsforecast.evaluation.spikes import spike_metrics, spike_scores
from tsforecast.metrics import spikes
from tsforecast.models.persistence import Persistence
from tsforecast.models.task import Task
from tsforecast.reporting import Report
from tsforecast.reporting.sections import spikes as spikes_section


def scored(data, model):
    return spike_scores(model, data, evaluate(model, data, "test"), min_gap=10, tolerance=2)


def test_perfect_forecast_gets_full_scores():
    data = dataset()
    scores = scored(data, TruthPlus(data, 0.0))["load"]
    assert scores["score"] == "forecast rise"
    assert scores["reliability"] is None
    assert "brier" not in scores["model"]
    assert scores["model"]["average_precision"] == pytest.approx(1)
    assert scores["model"]["event_f1"] == 1
    assert scores["model"]["rmse_on"] == pytest.approx(0, abs=1e-5)
    assert scores["random"]["average_precision"] < 0.3
    assert scores["always"]["average_precision"] == pytest.approx(scores["model"]["prevalence"])
    assert scores["persistence"]["rmse_on"] > 2


def test_the_alarm_level_comes_from_validation_windows():
    data = dataset()
    model = TruthPlus(data, 0.0)
    scores = scored(data, model)["load"]
    (start, _), (val_first, val_last) = model.asked
    assert val_last + LEAD + HORIZON <= data.borders[1][1] < start + LEAD + HORIZON
    val = evaluate(model, data, "val")
    origin = data.scaler.inverse_targets(data.truths[val.ends])[:, 0]
    rule = spikes.SpikeRule(2.0, LEAD, 10, 2, 1440)
    rise = spikes.forecast_rise(val.forecast[..., 0], origin)
    expected = spikes.choose_alarm_level(val.truth[..., 0], origin, val.ends, rise, rule)
    assert scores["alarm_level"] == expected
    assert val_first == val.ends[0]


def test_quantiles_are_ranked_by_their_exceedance_probability():
    data = dataset()
    model = TruthPlus(data, np.array([-0.5, 0.0, 0.5]), levels=(0.1, 0.5, 0.9))
    scores = scored(data, model)["load"]
    assert scores["score"] == "exceedance probability of the quantiles"
    assert 0 < scores["alarm_level"] < 1
    assert scores["model"]["average_precision"] > 0.99


def test_spike_head_probability_ranks_the_windows_if_the_model_has_one():
    data = dataset()
    model = TruthPlus(data, 0.0)
    test, val = evaluate(model, data, "test"), evaluate(model, data, "val")
    rng = np.random.default_rng(1)
    with_head = [dataclasses.replace(part, spike=rng.uniform(size=part.truth.shape)) for part in (test, val)]
    import tsforecast.evaluation.spikes as module

    scores = module._score_target(
        data, (with_head[1], with_head[0]), 0, spikes.SpikeRule(2.0, LEAD, 10, 2, 1440), None, 3.0
    )
    assert scores["model"]["ece"] > 0.2  # the probabilities are random
    assert scores["max_false_alarms_per_day"] == 3.0
    assert scores["score"] == "probability of the spike head"
    origin = data.scaler.inverse_targets(data.truths[test.ends])[:, 0]
    spike, known = spikes.label_spikes(test.truth[..., 0], origin, 2.0)
    assert sum(scores["reliability"]["count"]) == known.sum()
    likeliest = with_head[0].spike[..., 0].max(axis=1)
    assert scores["model"]["average_precision"] == spikes.average_precision(spike[known], likeliest[known])


def test_each_target_has_its_card_and_a_table():
    data = dataset(("load", "other"))
    scores = scored(data, TruthPlus(data, 0.3))
    assert list(scores) == ["load", "other"]
    means = spike_metrics(scores)
    assert means["spike_f1"] == np.mean([scores[name]["model"]["event_f1"] for name in scores])
    sections = spikes_section.build(Report(title="", result={"spikes": scores, "unit": "kW"}))
    assert [section.heading for section in sections] == ["Spikes of load", "Spikes of other"]
    rows = {}
    for table in sections[0].elements:
        columns = [cell.text for cell in table.head]
        rows |= {row.cells[0].text: dict(zip(columns, row.cells, strict=True)) for row in table.rows}
    scores = scores["load"]
    precision, persistence = scores["model"]["average_precision"], scores["persistence"]["rmse_on"]
    assert float(rows["Average precision"]["Model"].text) == pytest.approx(precision, rel=1e-3)
    assert float(rows["RMSE on spikes (kW)"]["Persistence"].text) == pytest.approx(persistence, rel=1e-3)


def test_without_a_threshold_there_is_no_card():
    data = dataset()
    assert scored(data, TruthPlus(data, 0.0, threshold=None)) == {}
    assert spike_metrics({}) == {}
    assert spikes_section.build(Report(title="", result={"spikes": {}})) == []


def test_spikes_of_many_series_are_rises_in_the_spread_of_each():
    """The levels of the series, a thousand times apart, make no difference; the truth foresees every spike."""
    data = build_dataset(
        make_panel(),
        **{
            "lookback": 6,
            "lead": 1,
            "horizon": 2,
            "stride": 1,
            "split": {"train": 0.6, "val": 14, "test": 14},
        },
    )
    thresholds = spike_thresholds(data, SpikeOptions(threshold=None, quantile=0.8, min_gap=1, tolerance=0))
    test, val = (perfect(evaluate_persistence(data, split)) for split in ("test", "val"))
    model = SimpleNamespace(metadata={"spike": thresholds}, task=SimpleNamespace(quantile_levels=None))
    card = spike_scores(model, data, test, min_gap=1, tolerance=0, validation=val)["load"]
    assert card["unit"] == "spreads of its series"
    assert card["model"]["average_precision"] == 1
    rises = []
    for index, (_, stop) in enumerate(data.series.panel.ranges):
        rows = data.series.values[:, 0] / data.scaler.levels.width[index, 0]
        rises += [max(rows[end + 1 : end + 3]) - rows[end] for end in range(stop - 15, stop - 2)]
    assert card["model"]["prevalence"] == pytest.approx(np.mean(np.array(rises) > thresholds["threshold"][0]))


def evaluate_persistence(data, split):
    return evaluate(Persistence(Task.from_dataset(data)), data, split)


def perfect(evaluation):
    return dataclasses.replace(evaluation, forecast=evaluation.truth)
