import numpy as np
import pytest

from tsforecast.data.sources.synthetic import load
from tsforecast.errors import UserError


def test_the_same_seed_gives_the_same_series_and_another_seed_another():
    assert load(500, seed=3).data_hash() == load(500, seed=3).data_hash()
    assert load(500, seed=3).data_hash() != load(500, seed=4).data_hash()


@pytest.mark.parametrize("rows", [2, 7, 5000])
def test_any_size(rows):
    series = load(rows)
    assert series.values.shape == (rows, 6)
    assert (series.step, series.season) == (60, 1440)


def test_null_rows_are_100_000():
    assert len(load(None)) == 100_000


def test_spikes_are_announced_by_the_pressure():
    quiet, spiky = (load(20_000, spikes_per_day=count, missing=0).values for count in (0, 12))
    assert quiet[:, 0].max() < 2.5 < spiky[:, 0].max()
    rise = np.diff(spiky[:, 0])
    starts = np.flatnonzero(rise > 0.9)
    jumps = np.diff(spiky[:, 1])[starts[starts > 15] - 15]
    assert len(starts) > 50
    assert (jumps > 0.5).all()


def test_missing_share_is_as_asked():
    assert np.isnan(load(20_000, missing=0.2).column("load")).mean() == pytest.approx(0.2, abs=0.02)
    assert not np.isnan(load(2000, missing=0).values).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rows": 1}, "at least 2"),
        ({"rows": -3}, "data.rows"),
        ({"seed": -1}, "data.seed is -1"),
        ({"spikes_per_day": -1}, "data.spikes_per_day"),
        ({"noise": float("nan")}, "data.noise"),
        ({"missing": 1}, "data.missing is 1"),
        ({"target": "lod"}, "Did you mean 'load'"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        load(**{"rows": 100, **options})
