"""What a model takes from the data."""

import dataclasses

import numpy as np
import pytest

from tests.helpers.compose import compose
from tsforecast.jobs.build import build_data
from tsforecast.jobs.build_model import data_arguments, forecaster

TINY = ["data=synthetic", "scale=tiny", "model=spike_detector", "context=events", "context.spans=[1h]"]


@pytest.fixture(scope="module")
def config():
    return compose(*TINY)


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
