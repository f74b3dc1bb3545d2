"""Metrics against hand-calculated values, plain-loop oracles and properties that must hold for any input."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsforecast import metrics

NAN = math.nan


def column(*values: float) -> np.ndarray:
    """Values as [n, 1, 1]."""
    return np.array(values, dtype=np.float64).reshape(-1, 1, 1)


def random_case(seed: int, n=7, horizon=3, targets=2, missing=0.3):
    rng = np.random.default_rng(seed)
    truth = rng.normal(5, 2, (n, horizon, targets))
    forecast = truth + rng.normal(0.2, 1, truth.shape)
    truth[rng.random(truth.shape) < missing] = NAN
    return truth, forecast


def observed_pairs(truth, forecast, keep=lambda i, h, t: True):
    return [
        (truth[i, h, t], forecast[i, h, t])
        for i in range(truth.shape[0])
        for h in range(truth.shape[1])
        for t in range(truth.shape[2])
        if not math.isnan(truth[i, h, t]) and keep(i, h, t)
    ]


def loop_mae(pairs):
    return sum(abs(f - y) for y, f in pairs) / len(pairs) if pairs else NAN


def loop_rmse(pairs):
    return math.sqrt(sum((f - y) ** 2 for y, f in pairs) / len(pairs)) if pairs else NAN


def loop_r2(pairs):
    mean = sum(y for y, _ in pairs) / len(pairs)
    return 1 - sum((f - y) ** 2 for y, f in pairs) / sum((y - mean) ** 2 for y, _ in pairs)


def test_point_metrics_by_hand():
    # Errors 1, -1, 3, (unobserved): MSE 11/3, MAE 5/3, bias 1; truth has mean 3 and squares 4 + 1 + 9.
    found = metrics.point_metrics(column(1, 2, 6, NAN), column(2, 1, 9, 50), scale=np.array([2.0]))
    assert found["mse"] == pytest.approx(11 / 3)
    assert found["rmse"] == pytest.approx(math.sqrt(11 / 3))
    assert found["mae"] == pytest.approx(5 / 3)
    assert found["bias"] == pytest.approx(1)
    assert found["r2"] == pytest.approx(1 - 11 / 14)
    assert found["mase"] == pytest.approx(5 / 6)


@pytest.mark.parametrize("seed", range(5))
def test_point_metrics_match_loops(seed):
    truth, forecast = random_case(seed)
    scale = np.array([0.5, 2.0])
    found = metrics.point_metrics(truth, forecast, scale=scale)
    pairs = observed_pairs(truth, forecast)
    by_target = [observed_pairs(truth, forecast, lambda i, h, t, k=k: t == k) for k in range(2)]
    assert found["rmse"] == pytest.approx(loop_rmse(pairs))
    assert found["mae"] == pytest.approx(loop_mae(pairs))
    assert found["bias"] == pytest.approx(sum(f - y for y, f in pairs) / len(pairs))
    assert found["r2"] == pytest.approx(sum(map(loop_r2, by_target)) / 2)
    assert found["mase"] == pytest.approx((loop_mae(by_target[0]) / 0.5 + loop_mae(by_target[1]) / 2) / 2)


def test_nothing_observed_is_nan_without_warning():
    found = metrics.point_metrics(column(NAN, NAN), column(1, 2), scale=np.array([1.0]))
    assert set(found) == {"rmse", "mae", "mse", "bias", "r2", "mase"}
    assert all(math.isnan(value) for value in found.values())
    empty = metrics.point_metrics(np.empty((0, 2, 1)), np.empty((0, 2, 1)))
    assert all(math.isnan(value) for value in empty.values())
    assert np.isnan(metrics.by_step(np.empty((0, 2, 1)), np.empty((0, 2, 1)))["rmse"]).tolist() == [
        True,
        True,
    ]


def test_a_failed_forecast_is_not_hidden():
    found = metrics.point_metrics(column(1, 2, 3), column(1, NAN, 3), scale=np.array([1.0]))
    assert all(math.isnan(value) for value in found.values())
    # ... but at an unobserved truth it does no harm.
    assert metrics.point_metrics(column(1, NAN, 3), column(1, NAN, 4))["mae"] == 0.5


def test_targets_without_a_defined_ratio_are_left_out():
    truth = np.stack([np.array([1.0, 2, 3]), np.array([5.0, 5, 5])], axis=-1)[:, None, :]
    found = metrics.point_metrics(truth, truth + 1, scale=np.array([2.0, 0.0]))
    assert found["mase"] == 0.5  # the constant second target has scale 0
    assert found["r2"] == pytest.approx(1 - 3 / 2)


def test_float32_input_is_summed_in_float64():
    truth = np.zeros((200_000, 1, 1), np.float32)
    assert metrics.point_metrics(truth, truth + np.float32(0.1))["mae"] == pytest.approx(
        float(np.float32(0.1)), rel=1e-12
    )


def test_seasonal_scale_by_hand_and_loop():
    # Season 2: |3-1|, |5-2|, (unobserved), |9-5| -> mean of 2, 3, 4.
    values = np.array([[1.0], [2], [3], [5], [NAN], [9]])
    assert metrics.seasonal_scale(values, 2).tolist() == [3.0]
    rng = np.random.default_rng(1)
    values = rng.normal(size=(50, 2))
    values[rng.random(values.shape) < 0.2] = NAN
    for season in (1, 7):
        for target in range(2):
            steps = [abs(values[i, target] - values[i - season, target]) for i in range(season, 50)]
            steps = [step for step in steps if not math.isnan(step)]
            assert metrics.seasonal_scale(values, season)[target] == pytest.approx(sum(steps) / len(steps))


def test_seasonal_scale_without_a_pair_is_nan():
    assert np.isnan(metrics.seasonal_scale(np.ones((5, 2)), 5)).all()
    with pytest.raises(ValueError, match="season is 0"):
        metrics.seasonal_scale(np.ones((5, 2)), 0)


def test_mase_of_the_seasonal_naive_forecast_on_training_rows_is_one():
    values = np.random.default_rng(0).normal(size=(40, 2))
    ends = np.arange(6, 39)
    forecast = metrics.seasonal_naive_forecast(values, ends, lead=1, horizon=1, season=7)
    truth = values[ends + 1][:, None, :]
    scale = metrics.seasonal_scale(values, 7)
    assert metrics.point_metrics(truth, forecast, scale=scale)["mase"] == pytest.approx(1)


def test_quantile_metrics_by_hand():
    # Truth 0 and 10. Level .25 says 2 and 4: losses .75*2 and .25*6; level .75 says 4 and 8: .25*4 and .75*2.
    truth = column(0, 10, NAN)
    forecast = np.array([[2.0, 4], [4, 8], [0, 0]]).reshape(3, 1, 1, 2)
    found = metrics.quantile_metrics(truth, forecast, [0.25, 0.75])
    assert found["pinball"] == pytest.approx((1.5 + 1.5 + 1.0 + 1.5) / 4)
    assert found["coverage_q25"] == 0.5  # only the truth 0 lies at or below its quantile
    assert found["coverage_q75"] == 0.5
    assert found["coverage_50"] == 0.0
    assert found["width_50"] == 3.0


def test_quantile_metrics_match_loops():
    truth, middle = random_case(3)
    levels = [0.1, 0.5, 0.9]
    forecast = np.stack([middle - 1, middle, middle + 1], axis=-1)
    losses, inside = [], []
    for index in np.ndindex(truth.shape):
        y = truth[index]
        if math.isnan(y):
            continue
        inside.append(forecast[index][0] <= y <= forecast[index][2])
        for level, q in zip(levels, forecast[index], strict=True):
            losses.append(level * (y - q) if y >= q else (1 - level) * (q - y))
    found = metrics.quantile_metrics(truth, forecast, levels)
    assert found["pinball"] == pytest.approx(sum(losses) / len(losses))
    assert found["coverage_80"] == pytest.approx(sum(inside) / len(inside))
    assert found["width_80"] == pytest.approx(2)


def test_pinball_at_the_median_is_half_the_mae():
    truth, forecast = random_case(4)
    found = metrics.quantile_metrics(truth, forecast[..., None], [0.5])
    assert found["pinball"] == pytest.approx(metrics.point_metrics(truth, forecast)["mae"] / 2)
    assert set(found) == {"pinball", "coverage_q50"}


def test_the_true_quantiles_are_covered_as_they_say():
    # 1..100 with the quantiles of exactly those numbers: 10 lie at or below 10, 81 in [10, 90].
    truth = np.arange(1.0, 101).reshape(100, 1, 1)
    forecast = np.broadcast_to([10.0, 90.0], (100, 1, 1, 2))
    found = metrics.quantile_metrics(truth, forecast, [0.1, 0.9])
    assert (found["coverage_q10"], found["coverage_q90"], found["coverage_80"]) == (0.10, 0.90, 0.81)


@pytest.mark.parametrize("levels", [[], [0.9, 0.1], [0.5, 0.5], [0.0, 0.5], [0.5, 1.0]])
def test_wrong_levels_are_refused(levels):
    with pytest.raises(ValueError, match="levels must rise"):
        metrics.quantile_metrics(column(1), np.zeros((1, 1, 1, len(levels))), levels)


def test_by_step_matches_loops():
    truth, forecast = random_case(5)
    truth[:, 1] = NAN
    found = metrics.by_step(truth, forecast)
    for step in range(3):
        pairs = observed_pairs(truth, forecast, lambda i, h, t, s=step: h == s)
        assert found["rmse"][step] == pytest.approx(loop_rmse(pairs), nan_ok=True)
        assert found["mae"][step] == pytest.approx(loop_mae(pairs), nan_ok=True)


def test_by_group_matches_loops():
    truth, forecast = random_case(6, n=20)
    group = np.random.default_rng(0).integers(0, 4, (20, 3)) * 2
    group[0, 0] = 99
    truth[0, 0] = NAN  # the only member of group 99
    found = metrics.by_group(truth, forecast, group)
    assert found["group"].tolist() == [0, 2, 4, 6, 99]
    for index, name in enumerate(found["group"]):
        pairs = observed_pairs(truth, forecast, lambda i, h, t, g=name: group[i, h] == g)
        assert found["count"][index] == len(pairs)
        assert found["rmse"][index] == pytest.approx(loop_rmse(pairs), nan_ok=True)
        assert found["mae"][index] == pytest.approx(loop_mae(pairs), nan_ok=True)


def test_by_group_takes_one_group_a_window():
    truth, forecast = random_case(7)
    group = np.array([0, 0, 1, 1, 1, 2, 2])
    once = metrics.by_group(truth, forecast, group)
    spread = metrics.by_group(truth, forecast, np.repeat(group[:, None], 3, axis=1))
    for key in once:
        np.testing.assert_array_equal(once[key], spread[key])


def test_skill():
    assert metrics.skill(0.6, 0.8) == pytest.approx(0.25)
    assert metrics.skill(1.6, 0.8) == -1
    assert math.isnan(metrics.skill(0.1, 0.0))
    assert math.isnan(metrics.skill(NAN, 0.8))


def test_persistence_repeats_the_last_input():
    filled = np.arange(20.0).reshape(10, 2)
    found = metrics.persistence_forecast(filled, np.array([3, 5]), lead=4, horizon=3)
    assert found.shape == (2, 3, 2)
    assert found[:, :, 0].tolist() == [[6, 6, 6], [10, 10, 10]]


def test_seasonal_naive_reads_the_latest_known_season():
    filled = np.arange(40.0)[:, None]
    # Season 5, last input 20, lead 3, horizon 5: targets 23..27; 23..25 go back one season, 26 and 27 two.
    found = metrics.seasonal_naive_forecast(filled, np.array([20]), lead=3, horizon=5, season=5)
    assert found[0, :, 0].tolist() == [18, 19, 20, 16, 17]
    # Row 1 + 1 - 5 does not exist yet: the last input stands in.
    assert metrics.seasonal_naive_forecast(filled, np.array([1]), lead=1, horizon=1, season=5).item() == 1


@given(end=st.integers(0, 60), lead=st.integers(1, 30), horizon=st.integers(1, 20), season=st.integers(1, 25))
@settings(max_examples=60, deadline=None)
def test_seasonal_naive_never_reads_past_the_last_input(end, lead, horizon, season):
    filled = np.arange(200.0)[:, None]
    rows = metrics.seasonal_naive_forecast(filled, np.array([end]), lead, horizon, season)[0, :, 0]
    for step, row in enumerate(rows):
        candidates = [r for r in range(end + lead + step, -1, -season) if r <= end]
        assert row == (candidates[0] if candidates else end)


@given(seed=st.integers(0, 10_000), shift=st.floats(-100, 100), factor=st.floats(0.01, 100))
@settings(max_examples=40, deadline=None)
def test_errors_scale_with_the_unit(seed, shift, factor):
    truth, forecast = random_case(seed, missing=0.1)
    before = metrics.point_metrics(truth, forecast, scale=np.ones(2))
    after = metrics.point_metrics(truth * factor + shift, forecast * factor + shift, scale=np.full(2, factor))
    for key in ("rmse", "mae", "bias"):
        assert after[key] == pytest.approx(before[key] * factor, rel=1e-6, abs=1e-9)
    for key in ("r2", "mase"):
        assert after[key] == pytest.approx(before[key], rel=1e-6, abs=1e-6)
    assert before["mae"] <= before["rmse"] * (1 + 1e-12)
    assert abs(before["bias"]) <= before["mae"] * (1 + 1e-12)


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="windows, horizon, targets"):
        metrics.point_metrics(np.zeros((3, 1)), np.zeros((3, 1)))
    with pytest.raises(ValueError, match="windows, horizon, targets"):
        metrics.by_step(np.zeros((3, 1, 2)), np.zeros((3, 1, 1)))
    with pytest.raises(ValueError, match="one value a target"):
        metrics.point_metrics(column(1), column(1), scale=np.ones(2))
    with pytest.raises(ValueError, match="group has shape"):
        metrics.by_group(column(1, 2), column(1, 2), np.zeros(3, int))
    with pytest.raises(ValueError, match="forecast has shape"):
        metrics.quantile_metrics(column(1), np.zeros((1, 1, 1, 2)), [0.5])
