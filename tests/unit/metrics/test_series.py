import lzma
from pathlib import Path

import numpy as np
import pytest

from tsforecast.metrics.series import (
    mean_over_series,
    naive2_factors,
    owa,
    series_metrics,
    series_scales,
)

ROOT = Path(__file__).parents[3]
M4 = [
    place / "shared/data"
    for place in ROOT.parents
    if (place / "shared/data/m4_hourly_train.csv.xz").is_file()
]


def test_figures_are_those_of_each_series_by_itself():
    rng = np.random.default_rng(0)
    truth, forecast = rng.normal(5, 1, (30, 4, 2)), rng.normal(5, 1, (30, 4, 2))
    truth[rng.random(truth.shape) < 0.1] = np.nan
    series = rng.integers(0, 3, 30)
    scales = {"mase": rng.random((3, 2)) + 0.5, "rmsse": rng.random((3, 2)) + 0.5}
    figures = series_metrics(truth, forecast, series, 3, scales=scales)
    for index in range(3):
        y, f = truth[series == index], forecast[series == index]
        error = np.abs(y - f)
        assert figures["mae"][index] == pytest.approx(np.nanmean(error))
        assert figures["rmse"][index] == pytest.approx(np.sqrt(np.nanmean(error**2)))
        assert figures["wape"][index] == pytest.approx(100 * np.nansum(error) / np.nansum(np.abs(y)))
        targets = [
            (
                np.nanmean(200 * error[..., t] / (np.abs(y) + np.abs(f))[..., t]),
                np.nanmean(error[..., t]) / scales["mase"][index, t],
                np.sqrt(np.nanmean(error[..., t] ** 2)) / scales["rmsse"][index, t],
            )
            for t in range(2)
        ]
        expected = np.mean(targets, axis=0)
        assert [figures[name][index] for name in ("smape", "mase", "rmsse")] == pytest.approx(expected)


def test_a_series_without_truths_is_nan_and_does_not_count():
    truth = np.array([[[1.0]], [[np.nan]]])
    figures = series_metrics(truth, np.zeros((2, 1, 1)), np.array([0, 1]), 2)
    assert np.isnan(figures["mae"][1])
    assert mean_over_series(figures) == {"smape": 200.0}


def test_the_median_is_scored_by_absolute_errors_alone():
    truth, mean = np.array([[[1.0]]]), np.array([[[3.0]]])
    figures = series_metrics(truth, mean, np.array([0]), 1, median=truth)
    assert figures["mae"][0] == figures["smape"][0] == 0
    assert figures["rmse"][0] == 2


def test_zero_next_to_zero_is_no_relative_error():
    zeros = np.zeros((1, 1, 1))
    assert series_metrics(zeros, zeros, np.array([0]), 1)["smape"][0] == 0


def test_scales_take_known_rows_of_the_same_series_only():
    rows = np.array([[0.0], [3.0], [100.0], [100.0], [104.0], [np.nan]])
    series, known = np.array([0, 0, 1, 1, 1, 1]), np.array([1, 1, 1, 1, 1, 0], bool)
    scales = series_scales(rows, series, known, 1, 2)
    assert scales["mase"].tolist() == [[3.0], [2.0]]
    assert scales["rmsse"][1, 0] == pytest.approx(np.sqrt(8))


@pytest.mark.parametrize("season", [3, 4, 10])
def test_series_shorter_than_a_season_have_no_scale(season):
    scales = series_scales(np.ones((6, 1)), np.array([0, 0, 0, 1, 1, 1]), np.ones(6, bool), season, 2)
    assert np.isnan(scales["mase"]).all()
    assert np.isnan(scales["rmsse"]).all()


def test_a_series_without_a_season_has_no_factors():
    rng = np.random.default_rng(0)
    assert naive2_factors(rng.random(200) + 1, 12) is None
    assert naive2_factors(np.arange(-3, 100.0), 12) is None
    assert naive2_factors(np.ones(30), 12) is None
    wave = 10 + np.tile([0.0, 1, 2, -3], 20)
    np.testing.assert_allclose(naive2_factors(wave, 4), (10 + np.array([0.0, 1, 2, -3])) / 10, rtol=1e-6)


@pytest.mark.skipif(not M4, reason="M4 hourly is not here")
def test_m4_hourly_has_its_published_figures():
    """Naive2: sMAPE 18.383, MASE 2.395 (Makridakis et al. 2020, table of the benchmarks, hourly)."""
    train, test = (_read(M4[0] / f"m4_hourly_{part}.csv.xz") for part in ("train", "test"))
    count = len(train)
    truth = np.stack(test)[..., None]
    rows = np.concatenate(train)[:, None]
    series = np.repeat(np.arange(count), [len(row) for row in train])
    scales = series_scales(rows, series, np.ones(len(rows), bool), 24, count)
    naive = np.stack([np.tile(row[-24:], 2) for row in train])[..., None]
    naive2 = np.stack([_naive2(row) for row in train])[..., None]
    figures = [
        mean_over_series(series_metrics(truth, forecast, np.arange(count), count, scales=scales))
        for forecast in (naive, naive2)
    ]
    assert [round(figures[0][name], 3) for name in ("mase", "smape")] == [1.193, 13.912]
    assert [round(figures[1][name], 3) for name in ("mase", "smape")] == [2.395, 18.383]
    assert round(owa(*figures), 3) == 0.628


def _read(path):
    with lzma.open(path, "rt") as file:
        lines = file.read().splitlines()[1:]
    return [
        np.array([float(cell.strip('"')) for cell in line.split(",")[1:] if cell.strip('"')])
        for line in lines
    ]


def _naive2(row):
    factors, steps = naive2_factors(row, 24), len(row) + np.arange(48)
    if factors is None:
        return np.repeat(row[-1:], 48)
    return row[-1] / factors[(len(row) - 1) % 24] * factors[steps % 24]
