import json

import numpy as np
import pytest

from tests.helpers.panel_case import make_panel
from tests.helpers.series_factory import make_series
from tsforecast import metrics
from tsforecast.data.dataset import build_dataset
from tsforecast.evaluation.seasonal_errors import naive_errors, seasonal_scale
from tsforecast.metrics.naive_errors import NaiveErrors

WINDOW = {
    "lookback": 6,
    "lead": 1,
    "horizon": 2,
    "stride": 1,
    "split": {"train": 0.7, "val": 0.15, "test": 0.15},
}


def test_errors_of_one_series_are_those_of_the_training_rows():
    dataset = build_dataset(make_series(rows=200), **WINDOW)
    errors = NaiveErrors.from_dict(json.loads(json.dumps(naive_errors(dataset).to_dict())))
    stop = dataset.borders[0][1]
    expected = metrics.seasonal_scale(dataset.series.values[:stop, :1], 10)
    assert errors.season == 10
    assert errors.series_errors() == pytest.approx(expected)
    assert (errors.series_errors() == seasonal_scale(dataset)).all()


def test_errors_of_many_series_are_those_before_the_first_test_window():
    dataset = build_dataset(make_panel(), **WINDOW | {"split": {"train": 0.7, "val": 8, "test": 8}})
    errors = NaiveErrors.from_dict(json.loads(json.dumps(naive_errors(dataset).to_dict())))
    for name, (start, stop) in zip("abc", dataset.series.panel.ranges, strict=True):
        expected = metrics.seasonal_scale(dataset.series.values[start : stop - 8], 6)
        assert errors.series_errors(name) == pytest.approx(expected)
    assert np.isnan(errors.series_errors("new")).all()
