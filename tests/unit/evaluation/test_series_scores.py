import numpy as np
import pytest

from tests.helpers.panel_case import make_panel
from tests.helpers.series_factory import make_series
from tsforecast.data.dataset import build_dataset
from tsforecast.evaluation.evaluate import baselines, score_forecasts
from tsforecast.evaluation.series_scores import naive2_forecast, score_series
from tsforecast.metrics.baselines import seasonal_scale

WINDOW = {"lookback": 6, "lead": 1, "horizon": 6, "stride": 1}


@pytest.fixture(scope="module")
def dataset():
    return build_dataset(make_panel(), **WINDOW, split={"train": 0.7, "val": 6, "test": 8})


def test_the_scale_is_that_of_all_rows_before_the_first_window(dataset):
    windows = dataset.windows("test")
    truth = dataset.scaler_of(windows.ends).inverse_targets(windows.targets(windows.ends))
    scores = score_series(dataset, windows, truth, truth + 1.0)
    assert scores.ids == ("a", "b", "c")
    assert scores.windows.tolist() == [3, 3, 3]
    for index, (start, stop) in enumerate(dataset.series.panel.ranges):
        scale = seasonal_scale(dataset.series.values[start : stop - 8], dataset.series.season)
        assert scores.figures["mase"][index] == pytest.approx(1 / scale[0])
    np.testing.assert_allclose(scores.figures["mae"], 1.0)


def test_figures_of_a_panel_are_in_the_unit_of_each_series(dataset):
    windows = dataset.windows("test")
    evaluation = score_forecasts(dataset, windows, windows.targets(windows.ends) + np.float32(0.5))
    errors = 0.5 * dataset.scaler.levels.width[:, 0]
    figures = evaluation.series.figures
    np.testing.assert_allclose(figures["mae"], errors, rtol=1e-4)
    assert evaluation.figures["mae"] == pytest.approx(errors.mean(), rel=1e-4)
    assert evaluation.figures["mase"] == pytest.approx(figures["mase"].mean())
    total = np.abs(evaluation.truth).sum()
    assert evaluation.figures["wape"] == pytest.approx(
        100 * np.abs(evaluation.forecast - evaluation.truth).sum() / total
    )


def test_baselines_read_the_series_itself(dataset):
    scores, series = baselines(dataset, "test"), dataset.series
    windows = dataset.windows("test")
    np.testing.assert_allclose(
        scores["seasonal_naive"].forecast[..., 0],
        series.values[windows.ends[:, None] - 5 + np.arange(6), 0],
        rtol=1e-5,
    )
    last = np.repeat(series.values[windows.ends], 6, axis=1)
    np.testing.assert_allclose(scores["persistence"].forecast[..., 0], last, rtol=1e-5)


def test_naive2_is_the_last_value_times_the_factors_of_its_series(dataset):
    windows = dataset.windows("test")
    forecast = naive2_forecast(dataset, windows)
    positive, negative = forecast[:3, :, 0], forecast[6:, :, 0]
    last = dataset.series.values[windows.ends, 0]
    assert np.ptp(positive, axis=1).min() > 0.05  # a wave of size 0.1 around 1
    np.testing.assert_allclose(
        negative, np.repeat(last[6:, None], 6, axis=1), rtol=1e-5
    )  # no factors below 0


def test_data_of_one_series_have_no_scores_by_series():
    dataset = build_dataset(make_series(), **WINDOW, split={"train": 60, "val": 20, "test": 20})
    windows = dataset.windows("test")
    assert score_forecasts(dataset, windows, windows.targets(windows.ends)).series is None
