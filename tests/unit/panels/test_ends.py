import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsforecast.data.windows import window_ends
from tsforecast.panels.ends import ends_of_series


@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=5),
    lookback=st.integers(1, 8),
    lead=st.integers(1, 4),
    horizon=st.integers(1, 4),
    stride=st.integers(1, 5),
    share=st.floats(0, 1),
    inside=st.booleans(),
)
def test_windows_are_those_of_each_series_by_itself(lengths, lookback, lead, horizon, stride, share, inside):
    shape = {"lookback": lookback, "lead": lead, "horizon": horizon, "stride": stride}
    bounds = np.concatenate([[0], np.cumsum(lengths)])
    cuts = [int(length * share) for length in lengths]
    ranges = np.array(
        [
            (start, start + cut) if inside else (start + cut, stop)
            for start, stop, cut in zip(bounds[:-1], bounds[1:], cuts, strict=True)
        ]
    )
    ends = ends_of_series(ranges, bounds[:-1], **shape, inside=inside)
    expected = []
    for start, (first, stop) in zip(bounds, ranges.tolist(), strict=False):
        border = first - start, stop - start
        expected += [end + start for end in window_ends(border, **shape, inside=inside)]
    assert ends.tolist() == expected


@pytest.mark.parametrize("inside", [True, False])
def test_no_window_crosses_into_another_series(inside):
    bounds = np.array([0, 30, 55, 90])
    ranges = np.stack([bounds[:-1] + 5, bounds[1:]], axis=1)
    ends = ends_of_series(ranges, bounds[:-1], lookback=7, lead=3, horizon=4, stride=1, inside=inside)
    series = np.searchsorted(bounds, ends, side="right") - 1
    assert (ends - 6 >= bounds[series]).all()
    assert (ends + 3 + 3 < bounds[series + 1]).all()
    assert set(series) == {0, 1, 2}
