import io

import numpy as np
import pytest

from tests.helpers.serving_case import make_metadata, make_task
from tsforecast.inference.intervals import create_intervals
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.inference.options import IntervalOptions
from tsforecast.inference.series_intervals import SeriesIntervals

OPTIONS = IntervalOptions(coverage=0.8, rate=0.01, memory=100)
NEUTRAL = {"shift": [[0.0] * 4], "width": [[2.0] * 4], "ids": ["a"]}


@pytest.fixture
def metadata():
    scaler = {"mean": [2.0, 1, 0, 0], "scale": [0.5, 2, 1, 1], "target_indices": [0], "levels": NEUTRAL}
    return ModelMetadata.from_task(
        make_task(), make_metadata(scaler=scaler, panel={"has_clock": True, "static": [], "name": ""})
    )


@pytest.fixture
def calibration():
    errors = np.linspace(-1, 1, 99).reshape(-1, 1, 1) * np.ones((1, 2, 1))
    intervals = create_intervals(2, 1, OPTIONS)
    intervals.calibrate(np.zeros_like(errors), np.zeros_like(errors), errors)
    return intervals.to_bytes()


def test_each_series_begins_with_the_errors_of_all_in_its_own_size(metadata, calibration):
    book = SeriesIntervals(metadata, OPTIONS, calibration)
    shared = create_intervals(2, 1, OPTIONS, calibration).margins()
    for name, width in (("a", 2.0), ("large", 1000.0)):
        series = metadata.with_level(np.zeros(4), np.full(4, width))
        np.testing.assert_allclose(book.of(name, series).margins(), width * shared, rtol=1e-6)


def test_a_series_learns_alone(metadata, calibration):
    book = SeriesIntervals(metadata, OPTIONS, calibration)
    series = metadata.with_level(np.zeros(4), np.ones(4))
    first, other = book.of("a", series), book.of("b", series)
    before = other.margins().copy()
    for _ in range(60):
        first.update_one(0, 0, band=(0.0, 0.0), interval=(-1.0, 1.0), truth=5.0)
    assert book.of("a", series) is first
    assert (first.margins() != before).any()
    np.testing.assert_array_equal(other.margins(), before)
    assert book.summary() == {"nominal": 0.8, "observed": 0.0, "truths": 60}
    assert list(book) == ["a", "b"]


def test_one_series_has_the_scores_of_its_calibration_to_the_last_digit(calibration):
    metadata = ModelMetadata.from_task(make_task(), make_metadata())
    intervals = SeriesIntervals(metadata, OPTIONS, calibration).of("", metadata)
    with np.load(io.BytesIO(calibration)) as stored:
        np.testing.assert_array_equal(intervals.scores, stored["scores"])
