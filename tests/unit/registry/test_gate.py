"""The promotion gate: no worse overall, no worse on spikes, and quick enough."""

from types import SimpleNamespace

import numpy as np
import pytest

from tests.helpers.panel_case import make_panel
from tests.helpers.serving_case import make_metadata, make_task
from tsforecast.data.dataset import build_dataset
from tsforecast.data.series import Series
from tsforecast.metrics.bootstrap import Interval
from tsforecast.models.estimator import Estimator
from tsforecast.registry import gate
from tsforecast.registry.gate import compare_models, find_rejection_reason

SUMMARY = "RMSE 1.1000 kW on held-out days, champion 1.2000 kW"


def interval(low, high):
    return Interval((low + high) / 2, low=low, high=high)


@pytest.mark.parametrize(
    ("increase", "on_spikes", "latency", "reason"),
    [
        (-0.1, None, 10, None),
        (0.0, interval(-0.1, 0.3), 50, None),  # worse on spikes, but not significantly
        (0.01, None, 10, f"the challenger is worse: {SUMMARY}."),
        (float("nan"), None, 10, f"the challenger is worse: {SUMMARY}."),
        (
            -0.1,
            interval(0.1, 0.3),
            10,
            "the challenger is worse on spikes: RMSE higher by 0.2000 kW.",
        ),
        (
            -0.1,
            interval(-0.3, -0.1),
            80,
            "the challenger takes 80.0 ms per forecast, and retrain.latency_ms allows 50.",
        ),
    ],
)
def test_what_a_challenger_is_rejected_for(increase, on_spikes, latency, reason):
    assert find_rejection_reason(increase, on_spikes, latency, 50.0, SUMMARY, "kW") == reason


class Constant(Estimator):
    """Forecasts one value for every step, scaled."""

    def __init__(self, value):
        self.value, self.task = value, make_task(channels=1)
        self.metadata = make_metadata(spike={"threshold": [0.5], "threshold_scaled": [0.5]})

    def forecast(self, windows):
        return np.full((len(windows.ends), windows.horizon, 1), self.value, np.float32)


@pytest.fixture
def dataset():
    rng = np.random.default_rng(0)
    time = np.datetime64("2024-01-01", "s") + np.arange(600) * np.timedelta64(60, "s")
    values = rng.normal(size=(600, 1)).astype(np.float32)
    series = Series(
        name="noise",
        time=time,
        values=values,
        features=("load",),
        targets=("load",),
        unit="kW",
        season=60,
    )
    split = {"train": 300, "val": 100, "test": 200}
    return build_dataset(series, lookback=8, lead=3, horizon=2, stride=1, split=split, future_covariates=[])


@pytest.mark.parametrize(("value", "is_passed"), [(0.0, True), (3.0, False)])
def test_models_are_compared_on_the_same_windows(dataset, monkeypatch, value, is_passed):
    monkeypatch.setattr(
        "tsforecast.evaluation.latency.measure_latency", lambda model, dataset: {"median": 1.0}
    )
    champion, challenger = Constant(-1.0), Constant(value)
    loaded, result = compare_models(dataset, champion, lambda: challenger, max_latency_ms=50.0)
    assert loaded is challenger
    assert result.is_passed is is_passed
    better = result.challenger["test/rmse"] < result.champion["test/rmse"]
    assert better is is_passed
    assert result.difference.value == pytest.approx(
        result.challenger["test/rmse"] - result.champion["test/rmse"], abs=1e-6
    )
    stored = result.to_json()
    assert stored["in_words"] == result.summary
    assert ("is worse: RMSE" in (stored["rejection_reason"] or "")) is not is_passed


def test_a_spike_is_a_rise_above_the_models_threshold(dataset):
    windows = dataset.windows("test")
    truth = dataset.scaler.inverse_targets(windows.targets(windows.ends))
    is_spike = gate._find_spikes(dataset, Constant(0.0), SimpleNamespace(truth=truth, ends=windows.ends))
    last = dataset.series.values[windows.ends]
    np.testing.assert_array_equal(is_spike[..., 0], truth[..., 0] - last > 0.5)
    assert 0.1 < is_spike.mean() < 0.6


def test_many_series_are_judged_by_the_mean_of_their_mase(monkeypatch):
    monkeypatch.setattr(
        "tsforecast.evaluation.latency.measure_latency", lambda model, dataset: {"median": 1.0}
    )
    split = {"val": 10, "test": 10}
    dataset = build_dataset(make_panel(), lookback=8, lead=3, horizon=2, stride=1, split=split)
    _, result = compare_models(dataset, Constant(0.0), lambda: Constant(3.0), max_latency_ms=50.0)
    assert result.rejection_reason.startswith("the challenger is worse: MASE ")
    assert (result.difference, result.on_spikes) == (None, None)
