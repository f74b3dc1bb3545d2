"""The rise that counts as a spike, from the options or the training rows."""

import numpy as np
import pytest

from tests.helpers.panel_case import make_panel
from tests.helpers.scored_case import dataset
from tsforecast.data.dataset import build_dataset
from tsforecast.evaluation.options import SpikeOptions
from tsforecast.evaluation.spike_thresholds import spike_thresholds
from tsforecast.inference.metadata import ModelMetadata, describe_data
from tsforecast.models.task import Task


def options(threshold=None, quantile=0.9):
    return SpikeOptions(threshold=threshold, quantile=quantile, min_gap=1, tolerance=0)


def test_a_fixed_threshold_is_that_of_every_target_and_is_scaled():
    data = dataset()
    scale = data.scaler.scale[list(data.target_indices)]
    result = spike_thresholds(data, options(threshold=1.5))
    assert result["threshold"] == [1.5] * len(scale)
    assert result["threshold_scaled"] == pytest.approx((1.5 / scale).tolist())


def test_the_quantile_is_of_the_rises_on_training_rows():
    data = dataset()
    first, last = data.borders[0]
    index = data.target_indices[0]
    rows = data.scaler.inverse_targets(data.truths[first:last])[:, 0].astype(float)
    lead, horizon = data.window["lead"], data.window["horizon"]
    starts = range(len(rows) - lead - horizon + 1)
    rises = [np.nanmax(rows[t + lead : t + lead + horizon]) - rows[t] for t in starts]
    result = spike_thresholds(data, options(quantile=0.9))
    assert result["threshold"][0] == pytest.approx(np.nanquantile(rises, 0.9), rel=1e-5)
    assert result["threshold_scaled"][0] == pytest.approx(result["threshold"][0] / data.scaler.scale[index])
    assert spike_thresholds(data, options(quantile=0.99))["threshold"][0] > result["threshold"][0]


def test_rises_of_many_series_are_in_the_spread_of_each_and_end_with_it():
    data = build_dataset(
        make_panel(),
        **{"lookback": 6, "lead": 1, "horizon": 2, "stride": 1, "split": {"train": 0.7, "val": 8, "test": 8}},
    )
    rises = []
    for index, (start, stop) in enumerate(data.split_ranges("train")):
        rows = data.series.values[start:stop, 0] / data.scaler.levels.width[index, 0]
        rises += [max(rows[row + 1 : row + 3]) - rows[row] for row in range(len(rows) - 2)]
    result = spike_thresholds(data, options(quantile=0.9))
    assert result["threshold"][0] == pytest.approx(np.quantile(rises, 0.9), rel=1e-4)
    assert result["threshold_scaled"][0] == pytest.approx(result["threshold"][0] / data.scaler.scale[0])
    metadata = ModelMetadata.from_task(Task.from_dataset(data), describe_data(data, result))
    one = metadata.with_level(data.scaler.levels.shift[1], data.scaler.levels.width[1])
    assert one.thresholds[0] == pytest.approx(result["threshold"][0] * data.scaler.levels.width[1, 0])
