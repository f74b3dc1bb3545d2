"""Quantile metrics against hand-calculated values, plain-loop oracles and properties that hold for any input."""

import math

import numpy as np
import pytest

from tests.helpers.metric_cases import column, random_case
from tsforecast import metrics

NAN = math.nan


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
    assert set(found) == {"pinball", "coverage_q50", "crps", "wql"}


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
