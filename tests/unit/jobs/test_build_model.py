"""What a model takes from the data."""

import dataclasses

import numpy as np
import pytest

from tests.helpers.compose import compose
from tsforecast.data import bins
from tsforecast.jobs.build import build_data
from tsforecast.jobs.build_model import data_arguments, forecaster
from tsforecast.layers.window_features import WindowFeatures

TINY = ["data=synthetic", "scale=tiny", "context=events", "context.spans=[1h]"]
STATISTICS = "model.statistics={spans: [5, 15, 30, 60], bins: 16, units: 64}"


@pytest.fixture(scope="module")
def config():
    return compose(*TINY, "model=gru", STATISTICS)


@pytest.fixture(scope="module")
def detector():
    return compose(*TINY, "model=spike_detector")


@pytest.fixture(scope="module")
def dataset(config):
    return build_data(config)


def test_statistics_are_of_the_measured_channels_between_training_quantiles(config, dataset):
    statistics = data_arguments(config, dataset)["statistics"]
    names = [dataset.channels[channel] for channel in statistics["channels"]]
    assert names == ["load", "pressure"]  # neither the calendar nor the summaries of earlier rows
    assert statistics["spans"] == [5, 15, 30, 60]
    rows = dataset.training_inputs()
    for channel, edges in zip(statistics["channels"], statistics["edges"], strict=True):
        assert 3 <= len(edges) <= 17
        assert edges[0] == pytest.approx(rows[:, channel].min(), abs=1e-6)
        assert edges[-1] == pytest.approx(rows[:, channel].max(), abs=1e-6)


def test_spans_beyond_the_window_are_left_out(config):
    window = dataclasses.replace(config.window, lookback=20)
    short = dataclasses.replace(config, window=window)
    assert data_arguments(short, build_data(short))["statistics"]["spans"] == [5, 15]
    window = dataclasses.replace(config.window, lookback=4)
    short = dataclasses.replace(config, window=window)
    assert data_arguments(short, build_data(short))["statistics"] is None


def test_there_are_no_statistics_of_channels_with_two_values(config, dataset):
    inputs = dataset.inputs.copy()
    inputs[:, dataset.measured_channels] = np.sign(inputs[:, dataset.measured_channels])
    assert data_arguments(config, dataclasses.replace(dataset, inputs=inputs))["statistics"] is None


def test_the_model_reads_them(config, dataset):
    model = forecaster(config, dataset)
    assert model.get_layer("statistics").output.shape[1:] == (100, 3 * 4 * 2)
    assert model.options["statistics"]["units"] == 64


def test_window_features_have_edges_at_their_own_training_quantiles(detector, dataset):
    found = data_arguments(detector, dataset)["window_features"]
    assert [dataset.channels[channel] for channel in found["measured"]] == ["load", "pressure"]
    assert found["channels"] == list(
        range(len(dataset.channels))
    )  # calendar and summaries of earlier rows too
    assert found["targets"] == list(dataset.target_indices)
    layer = WindowFeatures(
        *(found[name] for name in ("channels", "measured", "targets", "lags", "spans")), steps=1
    )
    assert len(found["edges"]) == layer.feature_count
    windows = dataset.windows("train")
    values = np.asarray(layer(windows.inputs(windows.ends)))[:, 0]
    for edges, column in zip(found["edges"], values.T, strict=True):
        inside = (column >= edges[0] - 0.1) & (column <= edges[-1] + 0.1)
        assert inside.mean() > 0.9
        if len(edges) > 20:  # most bins hold about as many windows as the others
            shares = np.histogram(column, edges)[0] / len(column)
            assert np.quantile(shares, 0.75) < 0.1


def test_lags_and_spans_beyond_the_window_are_left_out(detector):
    window = dataclasses.replace(detector.window, lookback=20)
    short = dataclasses.replace(detector, window=window)
    found = data_arguments(short, build_data(short))["window_features"]
    assert (found["lags"], found["spans"]) == ([1, 2, 3, 5, 10, 15], [5, 10, 15])
    assert forecaster(short, build_data(short)).get_layer("newest_features").spans == [5, 10, 15]


def test_of_many_channels_the_targets_alone_have_lags_and_means(detector, dataset, monkeypatch):
    monkeypatch.setattr(bins, "MAX_MEASURED", 1)
    assert data_arguments(detector, dataset)["window_features"]["measured"] == list(dataset.target_indices)
    monkeypatch.setattr(bins, "MAX_MEASURED", 0)
    assert data_arguments(detector, dataset)["window_features"]["spans"] == []
    layer = forecaster(detector, dataset).get_layer("newest_features")
    assert layer.feature_count == len(dataset.channels)
