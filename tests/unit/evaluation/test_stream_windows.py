from types import SimpleNamespace

import numpy as np
import pytest

from tsforecast.data.scaling import Scaler
from tsforecast.errors import UserError
from tsforecast.evaluation.stream_windows import StreamTruths, sample_windows, score_panel, score_stream
from tsforecast.inference.forecasts import Forecasts
from tsforecast.inference.sliding import Segment
from tsforecast.metrics.naive_errors import NaiveErrors
from tsforecast.panels.levels import SeriesLevels

LOOKBACK, LEAD, HORIZON = 3, 2, 2
METADATA = SimpleNamespace(
    lookback=LOOKBACK,
    lead=LEAD,
    horizon=HORIZON,
    quantile_levels=None,
    channels=["load"],
    targets=["load"],
    target_indices=(0,),
    panel=None,
    scaler=Scaler(np.zeros(1), np.ones(1), (0,)),
    naive_errors=NaiveErrors(2, np.array([[4.0]])),
)
SERIES_ERRORS = NaiveErrors(1, np.array([[4.0], [8.0]]), ("a", "b"))
PANEL = SimpleNamespace(**vars(METADATA) | {"panel": {}, "naive_errors": SERIES_ERRORS})


def stream(positions, pieces=1):
    """Segments over rows whose truth is their position squared; later segments repeat the rows before them."""
    positions = np.asarray(positions)
    first = 0
    for end in np.linspace(0, len(positions), pieces + 1).astype(int)[1:]:
        start = max(0, first - LOOKBACK + 1)
        part = positions[start:end]
        ends = np.arange(max(first - start, LOOKBACK - 1), len(part))
        ends = ends[part[ends] - part[ends - LOOKBACK + 1] == LOOKBACK - 1]
        inputs = part[:, None].astype(np.float32)
        yield Segment(part.astype("datetime64[s]"), part, inputs, inputs.astype(float) ** 2, ends, LOOKBACK)
        first = end


def parts(positions, pieces=1, metadata=METADATA):
    for segment in stream(positions, pieces):
        yield metadata, segment


def make_series(name, positions, metadata=PANEL):
    state = SimpleNamespace(name=name, metadata=metadata)
    for segment in stream(positions, 2):
        yield state, segment, zero_forecasts(segment)


def zero_forecasts(segment):
    if not len(segment.ends):
        return None
    zeros = np.zeros((len(segment.ends), HORIZON, 1))
    return Forecasts(zeros, zeros, zeros)


@pytest.mark.parametrize("pieces", [1, 3, 10])
def test_truths_are_found_by_position(pieces):
    truths = StreamTruths(METADATA)
    for segment in stream([*range(10), *range(20, 30)], pieces):
        truths.add(segment)
    assert truths.newest == 29
    assert len(truths.values()) == 20
    selected = truths.select(np.array([2, 8, 27]))[..., 0]
    np.testing.assert_array_equal(selected, [[16, 25], [np.nan, np.nan], [841, np.nan]])


@pytest.mark.parametrize("pieces", [1, 4])
def test_scores_are_those_of_all_windows_with_complete_truths(pieces):
    figures = score_stream(stream(range(10), pieces), METADATA, zero_forecasts)
    truth = np.array([[(end + LEAD) ** 2, (end + LEAD + 1) ** 2] for end in range(2, 7)], float)
    last = np.array([[end**2] * 2 for end in range(2, 7)], float)
    assert figures["windows"] == 5
    assert figures["rmse"] == pytest.approx(np.sqrt((truth**2).mean()))
    assert figures["mase"] == pytest.approx(truth.mean() / 4)
    naive = np.sqrt(((truth - last) ** 2).mean())
    assert figures["skill/persistence"] == pytest.approx(1 - figures["rmse"] / naive)


@pytest.mark.parametrize(("rows", "message"), [(2, "no 3 consecutive rows"), (4, "no truth of any forecast")])
def test_rows_without_a_score_are_refused(rows, message):
    with pytest.raises(UserError, match=message):
        score_stream(stream(range(rows)), METADATA, zero_forecasts)


@pytest.mark.parametrize("pieces", [1, 5])
def test_a_sample_is_evenly_spaced_over_the_windows(pieces):
    past, truth, scaler = sample_windows(parts(range(30), pieces), METADATA, 4)
    assert scaler is METADATA.scaler
    assert past[:, -1, 0].tolist() == [2, 10, 18, 26]
    np.testing.assert_array_equal(past[1, :, 0], [8, 9, 10])
    np.testing.assert_array_equal(truth[1, :, 0], [144, 169])
    assert len(sample_windows(parts(range(30)), METADATA, 1000).past) == 25


@pytest.mark.parametrize("rows", [2, 6])
def test_a_sample_needs_two_windows(rows):
    with pytest.raises(UserError, match="fewer than two windows"):
        sample_windows(parts(range(rows)), METADATA, 4)


def test_each_series_is_scored_by_itself_and_by_its_own_unit():
    a, b = list(make_series("a", range(10))), list(make_series("b", range(100, 120)))
    figures, series = score_panel([a[0], b[0], a[1], b[1]], PANEL)
    assert list(series) == ["a", "b"]
    truth = np.array([[(end + LEAD) ** 2, (end + LEAD + 1) ** 2] for end in range(2, 7)], float)
    assert series["a"]["mase"] == pytest.approx(truth.mean() / 4)
    assert series["a"]["windows"] == 5
    assert series["b"]["windows"] == 15
    assert figures["mase"] == pytest.approx((series["a"]["mase"] + series["b"]["mase"]) / 2)
    assert figures["windows"] == 20
    assert figures["series"] == 2


def test_an_unknown_series_is_measured_by_its_first_window():
    _, series = score_panel(make_series("new", range(10)), PANEL)
    assert series["new"]["mase"] == pytest.approx(series["new"]["mae"] / 2)  # 0, 1, 4 change by 1 and 3


def test_a_model_of_before_has_no_mase():
    before = SimpleNamespace(**vars(PANEL) | {"naive_errors": None})
    figures, series = score_panel(make_series("a", range(10), before), before)
    assert "mase" not in figures
    assert "mase" not in series["a"]


def test_many_series_without_a_score_are_refused():
    with pytest.raises(UserError, match="no truth of any forecast"):
        score_panel([*make_series("a", range(4)), *make_series("b", range(2))], PANEL)
    with pytest.raises(UserError, match="no 3 consecutive rows"):
        score_panel(make_series("b", range(2)), PANEL)


def test_a_sample_of_many_series_has_the_scales_of_their_windows():
    levels = SeriesLevels(("a", "b"), np.array([[5.0], [7.0]]), np.array([[2.0], [3.0]]))
    scaler = Scaler(np.array([0.5]), np.array([4.0]), (0,), levels=levels)
    metadata = SimpleNamespace(**vars(PANEL) | {"scaler": scaler})
    own = [
        SimpleNamespace(
            **vars(PANEL) | {"scaler": scaler.with_level(levels.shift[index], levels.width[index])}
        )
        for index in range(2)
    ]
    sample = sample_windows([*parts(range(10), 1, own[0]), *parts(range(10), 1, own[1])], metadata, 100)
    assert len(sample.past) == len(sample.truth) == 10
    scaled = np.ones((10, HORIZON, 1))
    expected = [2 * 4.5 + 5] * 5 + [3 * 4.5 + 7] * 5
    np.testing.assert_allclose(sample.scaler.inverse_targets(scaled)[:, 0, 0], expected)
