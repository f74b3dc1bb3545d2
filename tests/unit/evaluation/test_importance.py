"""Permutation importance of models whose importances are known by hand, or found by a plain loop."""

from types import SimpleNamespace

import numpy as np
import pytest

from tsforecast.data.dataset import build_dataset
from tsforecast.data.series import Series
from tsforecast.errors import UserError
from tsforecast.evaluation.importance import (
    concatenate_windows,
    explain,
    feature_groups,
    time_blocks,
)
from tsforecast.models.estimator import Estimator
from tsforecast.models.persistence import Persistence
from tsforecast.models.task import Task
from tsforecast.reporting import Report
from tsforecast.reporting.sections import importance

ROWS, LOOKBACK, LEAD, HORIZON = 3000, 12, 3, 2
FEATURES = ("load", "pressure", "noise", "minute_of_day_sin", "minute_of_day_cos")
SPLIT = {"train": 0.4, "val": 0.1, "test": 0.5}


def dataset_of(values, **changes):
    time = np.datetime64("2024-01-01", "s") + np.arange(len(values)) * np.timedelta64(60, "s")
    series = Series(time, values, FEATURES, ("load",), season=10, unit="kW")
    shape = {"lookback": LOOKBACK, "lead": LEAD, "horizon": HORIZON, "stride": 1, **changes}
    return build_dataset(series, **shape, split=SPLIT)


@pytest.fixture(scope="module")
def noise():
    """Independent normal values: what a part of them is worth follows from the weights alone."""
    return np.random.default_rng(0).standard_normal((ROWS, len(FEATURES)))


class Linear(Estimator):
    """Forecasts a weighted sum of (step back, channel), in scaled units; no network, as LightGBM is none."""

    def __init__(self, weights):
        self.weights = weights
        self.task = SimpleNamespace(quantile_levels=None)

    def forecast(self, windows):
        past = windows.inputs(windows.ends)
        value = sum(weight * past[:, -back, channel] for (back, channel), weight in self.weights.items())
        return np.repeat(value[:, None, None], windows.horizon, axis=1).astype("float32")


def truth_of(dataset, model):
    """The same data with truths that the model hits exactly."""
    truths = dataset.truths.copy()
    windows = dataset.windows("test")
    forecasts = model.forecast(windows)[:, 0, 0]
    truths[windows.ends + LEAD, 0] = forecasts
    return SimpleNamespace(
        channels=dataset.channels,
        scaler_of=dataset.scaler_of,
        windows=lambda split, limit: type(windows)(
            windows.rows, truths, windows.ends, LOOKBACK, LEAD, 1, windows.border
        ).limited(limit),
    )


def by_name(found):
    return {part["feature"]: part["rise"] for part in found["features"]}


def by_block(found):
    return {(part["first"], part["last"]): part["rise"] for part in found["blocks"]}


def test_persistence_leans_on_the_targets_last_value_alone(noise):
    dataset = dataset_of(np.cumsum(noise, axis=0))
    task = Task(
        lookback=LOOKBACK, channels=len(FEATURES), lead=LEAD, horizon=HORIZON, target_indices=(0,), season=10
    )
    found = explain(Persistence(task), dataset, windows=300, repeats=2, seed=0)
    features, blocks = by_name(found), by_block(found)
    assert found["features"][0]["feature"] == "load"
    assert features.pop("load") == blocks.pop((1, 1)) > 0
    assert set(features.values()) | set(blocks.values()) == {0.0}
    assert found["windows"] == 300


def test_the_rise_is_that_of_a_plain_loop(noise):
    dataset = dataset_of(np.cumsum(noise, axis=0))
    windows = dataset.windows("test", limit=50)
    order = np.random.default_rng([7, 0]).permutation(50)
    squares, moved = [], []
    for place, end in enumerate(windows.ends):
        other = windows.ends[order[place]]
        for ahead in range(HORIZON):
            truth = dataset.series.values[end + LEAD + ahead, 0]
            squares.append((dataset.series.values[end, 0] - truth) ** 2)
            moved.append((dataset.series.values[other, 0] - truth) ** 2)
    found = explain(Linear({(1, 0): 1.0}), dataset, windows=50, repeats=1, seed=7)
    assert found["rmse"] == pytest.approx(np.sqrt(np.mean(squares)), rel=1e-5)
    expected = np.sqrt(np.mean(moved)) - np.sqrt(np.mean(squares))
    assert by_name(found)["load"] == pytest.approx(expected, rel=1e-4)
    assert found["features"][0]["spread"] is None


def test_a_linear_model_leans_by_its_weights(noise):
    """Of a model without error, w times a shuffled unit normal costs w * sqrt(2), in the target's scale."""
    weights = {(1, 0): 2.0, (7, 1): 1.0, (3, 1): 0.5}
    dataset, model = dataset_of(noise), Linear(weights)
    found = explain(model, truth_of(dataset, model), windows=1400, repeats=3, seed=1)
    assert found["rmse"] == pytest.approx(0.0, abs=1e-5)
    unit = np.sqrt(2) * dataset.scaler.scale[0]
    features, blocks = by_name(found), by_block(found)
    assert features["load"] / unit == pytest.approx(2.0, rel=0.06)
    assert features["pressure"] / unit == pytest.approx(np.sqrt(1.25), rel=0.06)
    assert features["noise"] == 0.0
    assert [blocks[block] / unit for block in ((1, 1), (2, 5), (6, 12))] == pytest.approx(
        [2, 0.5, 1], rel=0.06
    )


def test_a_history_is_shuffled_as_a_whole(noise):
    """The difference of two neighbors of a random walk: steps shuffled one by one would make it far larger."""
    walk = np.cumsum(noise, axis=0)
    dataset, model = dataset_of(walk), Linear({(1, 0): 1.0, (2, 0): -1.0})
    found = explain(model, truth_of(dataset, model), windows=1400, repeats=2, seed=0)
    assert by_name(found)["load"] == pytest.approx(np.sqrt(2), rel=0.1)  # a step of the walk is a unit normal
    assert by_block(found)[1, 1] > 5 * by_name(found)["load"]


def test_sine_and_cosine_of_one_period_go_together():
    channels = [*FEATURES, "day_of_week_sin", "minute_of_day_sin@+3", "minute_of_day_cos@+3", "wave_sin"]
    channels += ["load@past.since_on", "load@past.on_1h"]
    assert feature_groups(channels) == {
        "load": [0],
        "pressure": [1],
        "noise": [2],
        "minute_of_day": [3, 4],
        "day_of_week": [5],
        "minute_of_day (known ahead)": [6, 7],
        "wave_sin": [8],
        "load (context)": [9, 10],
    }


@pytest.mark.parametrize("lookback", [1, 4, 5, 6, 100, 101, 999])
def test_blocks_cover_the_window_once(lookback):
    blocks = time_blocks(lookback)
    assert [step for first, last in blocks for step in range(first, last + 1)] == list(range(1, lookback + 1))
    assert blocks[0] == (1, 1)


def test_a_hundred_steps_have_six_blocks():
    assert time_blocks(100) == [(1, 1), (2, 5), (6, 15), (16, 30), (31, 60), (61, 100)]


def test_concatenated_windows_give_the_inputs_back(noise):
    dataset = dataset_of(noise)
    windows = dataset.windows("test", limit=20)
    past = windows.inputs(windows.ends)
    stored = concatenate_windows(past, windows)
    np.testing.assert_array_equal(stored.inputs(stored.ends), past)
    np.testing.assert_array_equal(stored.inputs(stored.ends[5:7]), past[5:7])


def test_unobserved_truths_are_not_scored(noise):
    values = np.cumsum(noise, axis=0)
    values[2000:2500, 0] = np.nan
    found = explain(Linear({(1, 0): 1.0}), dataset_of(values), windows=200, repeats=1, seed=0)
    assert np.isfinite([found["rmse"], by_name(found)["load"]]).all()


def test_the_same_seed_gives_the_same_figures(noise):
    arguments = {"model": Linear({(1, 0): 1.0}), "dataset": dataset_of(noise), "windows": 100, "repeats": 2}
    assert explain(**arguments, seed=3) == explain(**arguments, seed=3)
    assert explain(**arguments, seed=3) != explain(**arguments, seed=4)


def test_one_window_cannot_be_shuffled(noise):
    with pytest.raises(UserError, match=r"only one: give more rows to data\.split\.test"):
        explain(Linear({(1, 0): 1.0}), dataset_of(noise), windows=1, repeats=1, seed=0)


def test_bars_say_what_was_shuffled_and_how_long_ago(noise):
    found = explain(Linear({(1, 0): 1.0}), dataset_of(noise), windows=100, repeats=2, seed=0)
    report = Report(title="", result={"explanation": found, "unit": "kW"}, step_seconds=60)
    sections = importance.build(report)
    features, blocks = (section.elements[0].bars for section in sections)
    assert "Rise of the RMSE (kW)" in sections[0].note
    assert "100 test windows" in sections[0].note
    assert {bar.label for bar in features} == {"load", "pressure", "noise", "minute of day"}
    assert [bar.label for bar in blocks] == [
        "last step",
        "2 to 5 steps back (1 to 4 min ago)",
        "6 to 12 steps back (5 to 11 min ago)",
    ]
    assert features[0].value == found["features"][0]["rise"]
    assert importance.build(Report(title="", result={"explanation": None})) == []


def test_a_model_of_lags_and_means_sees_the_same_windows(noise):
    """LightGBM reads rows around its windows by itself: laid one after the other they must say the same."""
    pytest.importorskip("lightgbm")
    from tsforecast.losses import SquaredError
    from tsforecast.models.lightgbm import LightGBM

    dataset = dataset_of(np.cumsum(noise, axis=0), horizon=1)
    task = Task(lookback=LOOKBACK, channels=len(FEATURES), lead=LEAD, horizon=1, target_indices=(0,))
    model = LightGBM(task, lags=(1, 4), spans=(5, 12), leaves=7, rounds=20, patience=5, min_leaf=20)
    model.describe(channels=FEATURES)
    model.fit(dataset.windows("train"), dataset.windows("val"), seed=0, loss=SquaredError(), log=str)
    windows = dataset.windows("test", limit=200)
    stored = concatenate_windows(windows.inputs(windows.ends), windows)
    np.testing.assert_allclose(model.features(stored), model.features(windows), atol=1e-4)
    found = explain(model, dataset, windows=200, repeats=2, seed=0)
    assert found["features"][0]["feature"] == "load"
    assert by_block(found)[1, 1] > 0
