from types import SimpleNamespace

import numpy as np
import pytest

from tsforecast.errors import UserError
from tsforecast.evaluation.stream_windows import StreamTruths, sample_windows, score_stream
from tsforecast.inference.forecasts import Forecasts
from tsforecast.inference.sliding import Segment

LOOKBACK, LEAD, HORIZON = 3, 2, 2
METADATA = SimpleNamespace(
    lookback=LOOKBACK, lead=LEAD, horizon=HORIZON, quantile_levels=None, channels=["load"], targets=["load"]
)


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
    naive = np.sqrt(((truth - last) ** 2).mean())
    assert figures["skill/persistence"] == pytest.approx(1 - figures["rmse"] / naive)


@pytest.mark.parametrize(("rows", "message"), [(2, "no 3 consecutive rows"), (4, "no truth of any forecast")])
def test_rows_without_a_score_are_refused(rows, message):
    with pytest.raises(UserError, match=message):
        score_stream(stream(range(rows)), METADATA, zero_forecasts)


@pytest.mark.parametrize("pieces", [1, 5])
def test_a_sample_is_evenly_spaced_over_the_windows(pieces):
    past, truth = sample_windows(stream(range(30), pieces), METADATA, 4)
    assert past[:, -1, 0].tolist() == [2, 10, 18, 26]
    np.testing.assert_array_equal(past[1, :, 0], [8, 9, 10])
    np.testing.assert_array_equal(truth[1, :, 0], [144, 169])
    assert len(sample_windows(stream(range(30)), METADATA, 1000)[0]) == 25


@pytest.mark.parametrize("rows", [2, 6])
def test_a_sample_needs_two_windows(rows):
    with pytest.raises(UserError, match="fewer than two windows"):
        sample_windows(stream(range(rows)), METADATA, 4)
