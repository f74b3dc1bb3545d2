"""A stream is forecast batch by batch, whatever the number of windows in a call to the model."""

import numpy as np
import pytest

from tests.helpers.serving_case import HORIZON, LOOKBACK, make_metadata, make_task
from tsforecast.inference.file_forecast import describe_coverage, forecast_segments, windows_per_call
from tsforecast.inference.forecasts import Forecasts
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.inference.sliding import Segment

METADATA = ModelMetadata.from_task(make_task(), make_metadata())


class LastValue:
    """Forecasts the last value of the first channel, and counts the windows of each call."""

    metadata = METADATA

    def __init__(self):
        self.calls = []

    def __call__(self, past, series=None):
        self.calls.append(len(past))
        values = np.repeat(past[:, -1, :1, None], HORIZON, axis=1)
        return Forecasts(values, values, values)

    def forecast_segment(self, segment, ends, series=None):
        return self(segment.windows(ends), series)


class NoIntervals:
    """Counts the truths that it gets, and has no bounds."""

    rows = finished = 0

    def observe(self, position, truths):
        self.rows += len(position)

    def compute_intervals(self, position, forecasts):
        nothing = np.full(forecasts.values.shape, np.nan)
        return nothing, nothing

    def finish(self):
        self.finished += 1


def segment(first, rows):
    position = np.arange(first, first + rows)
    inputs = np.repeat(position[:, None].astype(np.float32), 4, axis=1)
    time = position.astype("datetime64[m]").astype("datetime64[s]")
    ends = np.arange(LOOKBACK - 1, rows)
    return Segment(time, position, inputs, position[:, None].astype(float), ends, LOOKBACK)


@pytest.mark.parametrize("batch_size", [1, 7, 50])
def test_every_window_is_forecast_once_and_in_order(batch_size):
    predictor, scorer = LastValue(), NoIntervals()
    segments = [segment(0, 40), segment(100, LOOKBACK - 1), segment(200, 190)]
    tables = list(forecast_segments(segments, predictor, scorer, batch_size=batch_size))
    made_at = (
        np.concatenate([table["made_at"].to_numpy() for table in tables]).astype("datetime64[m]").astype(int)
    )
    expected = np.concatenate([segments[index].position[segments[index].ends] for index in (0, 2)])
    np.testing.assert_array_equal(np.unique(made_at), expected)
    assert (np.diff(made_at) >= 0).all()
    assert sum(predictor.calls) == len(expected)
    assert max(predictor.calls) <= windows_per_call(batch_size)
    assert (scorer.rows, scorer.finished) == (40 + LOOKBACK - 1 + 190, 1)


def test_forecasts_of_an_ensemble_are_taken_as_they_are():
    class Ensemble:
        seen = 0

        def observe(self, segment):
            self.seen += len(segment.position)

        def forecasts(self, segment):
            values = np.full((len(segment.ends), HORIZON, 1), 7.0)
            return Forecasts(values, values, values)

    predictor, ensemble = LastValue(), Ensemble()
    (table,) = forecast_segments([segment(0, 20)], predictor, NoIntervals(), batch_size=32, ensemble=ensemble)
    assert set(table["forecast"].to_pylist()) == {7.0}
    assert (predictor.calls, ensemble.seen) == ([], 20)


def test_coverage_without_a_truth_is_said():
    assert "could not be scored" in describe_coverage({"nominal": 0.9, "observed": None, "truths": 0})
