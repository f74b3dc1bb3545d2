import numpy as np

from tsforecast.monitoring.streams import RunLength, TrailingCount, TrailingMean


def plain_runs(column):
    """Run lengths counted one row at a time."""
    value, length, result = None, 0, []
    for item in column:
        if not np.isnan(item):
            length = length + 1 if item == value else 1
            value = item
        result.append(length)
    return result


def test_run_lengths_equal_a_plain_count_in_any_pieces():
    rng = np.random.default_rng(0)
    values = rng.integers(0, 2, (400, 3)).astype(float)
    values[rng.uniform(size=values.shape) < 0.2] = np.nan
    runs = RunLength(3)
    pieces = np.concatenate([runs.update(part) for part in np.split(values, [1, 5, 6, 200])])
    for feature in range(3):
        assert pieces[:, feature].tolist() == plain_runs(values[:, feature])


def test_trailing_counts_equal_a_plain_count_in_any_pieces():
    flags = np.random.default_rng(1).uniform(size=(100, 2)) < 0.3
    count = TrailingCount(7, 2)
    pieces = np.concatenate([count.update(part) for part in np.split(flags, [1, 2, 30])])
    assert pieces.tolist() == [flags[max(0, row - 6) : row + 1].sum(axis=0).tolist() for row in range(100)]


def test_a_trailing_mean_weighs_blocks_and_skips_unknown_ones():
    mean = TrailingMean(3, 1)
    for value, weight in ((100.0, 1.0), (1.0, 1.0), (np.nan, 1.0), (4.0, 0.5)):
        result = mean.update(np.array([value]), np.array([weight]))
    assert result[0] == (1.0 + 2.0) / 1.5
    other = TrailingMean(3, 1)
    other.restore(mean.to_dict())
    assert other.update(np.array([4.0]), np.array([0.5]))[0] == 4.0
