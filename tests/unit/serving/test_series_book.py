import numpy as np
import pytest

from tests.helpers.serving_case import LEVELS, make_panel_metadata
from tsforecast.errors import UserError
from tsforecast.inference.options import IntervalOptions
from tsforecast.inference.series_intervals import SeriesIntervals
from tsforecast.serving.series_book import SeriesBook, with_series

OPTIONS = IntervalOptions(coverage=0.8, rate=0.01, memory=100)
WINDOW = {"load": np.array([10.0, 20.0, 30.0]), "pressure": np.zeros(3)}


def make_book(most=3, **metadata):
    described = make_panel_metadata(**metadata)
    return SeriesBook(described, SeriesIntervals(described, OPTIONS), most)


def test_known_series_have_the_levels_of_training():
    book = make_book()
    for name, (shift, width) in LEVELS.items():
        scaler = book.metadata_of(name).scaler
        assert (scaler.mean[0], scaler.scale[0]) == (shift, width)
    assert book.names == sorted(LEVELS)


def test_an_unknown_series_has_no_level_before_its_first_window_and_keeps_it_then():
    book = make_book()
    assert book.metadata_of("new") is None
    assert book.intervals_of("new") is None
    series = book.first_level("new", WINDOW)
    assert (series.scaler.mean[0], series.scaler.scale[0]) == (20.0, pytest.approx(np.std(WINDOW["load"])))
    content = book.start("new", series)
    assert book.start("new", book.first_level("new", {**WINDOW, "load": 2 * WINDOW["load"]})) is None
    again = make_book(spike={"threshold": [1.5], "threshold_scaled": [1.5]})
    again.restore("new", content)
    for name in ("mean", "scale"):
        restored = getattr(again.metadata_of("new").scaler, name)
        np.testing.assert_array_equal(restored, getattr(book.metadata_of("new").scaler, name))


def test_more_series_than_there_may_be_are_refused():
    book = make_book(most=2)
    book.metadata_of("north")
    book.check(["north", "south"])
    with pytest.raises(
        UserError, match=r"2 series are new \('south', 'x'\).*3, more than serve\.max_series=2"
    ):
        book.check(["north", "south", "x"])
    with pytest.raises(UserError, match="has 500 characters, and may have 200"):
        book.check(["x" * 500])


def test_bounds_are_those_of_the_series_of_each_window():
    book = make_book()
    intervals = {name: book.intervals_of(name) for name in LEVELS}
    for name, spread in (("north", 1.0), ("south", 50.0)):
        for error in np.linspace(-spread, spread, 50):
            intervals[name].update_one(0, 0, band=(0.0, 0.0), interval=(None, None), truth=error)
    low = np.zeros((3, 2, 1))
    lower, upper = book.bounds(low, low, ("south", "north", "south"))
    assert upper[0, 0, 0] == upper[2, 0, 0] > 30 * upper[1, 0, 0] > 0
    assert lower[0, 0, 0] == lower[2, 0, 0] < 30 * lower[1, 0, 0] < 0
    assert np.isnan(upper[:, 1]).all()


def test_the_code_of_a_series_follows_from_its_name():
    metadata = make_panel_metadata(panel={"has_clock": True, "static": [], "name": "id"})
    columns = with_series(metadata, "north", {"load": np.ones(2)})
    assert columns["id"].tolist() == [0.0, 0.0]  # no vocabulary: unknown
    assert list(with_series(make_panel_metadata(), "north", {"load": np.ones(2)})) == ["load"]
