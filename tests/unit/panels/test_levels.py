import json

import numpy as np
import pytest

from tsforecast.panels.levels import SeriesLevels

BOUNDS = np.array([0, 50, 80, 200])
VALUES = np.random.default_rng(0).standard_normal((200, 2)) * [[1, 5]] + [[0, 3]]
VALUES[50:80] = VALUES[50:80] * 100 - 1e4
VALUES[60, 0] = np.nan
TRAIN = np.array([[0, 40], [50, 70], [80, 200]])


def fit(columns=(0, 1), method="standard"):
    return SeriesLevels.fit(VALUES, TRAIN, ("a", "b", "c"), columns, method=method)


def test_levels_are_mean_and_deviation_of_the_training_rows_of_each_series():
    levels = fit()
    for index, (start, stop) in enumerate(TRAIN):
        np.testing.assert_allclose(levels.shift[index], np.nanmean(VALUES[start:stop], axis=0), rtol=1e-12)
        np.testing.assert_allclose(levels.width[index], np.nanstd(VALUES[start:stop], axis=0), rtol=1e-10)


def test_robust_levels_are_median_and_interquartile_range():
    levels = fit(method="robust")
    quartiles = np.nanquantile(VALUES[50:70], [0.25, 0.5, 0.75], axis=0)
    np.testing.assert_allclose(levels.shift[1], quartiles[1])
    np.testing.assert_allclose(levels.width[1], (quartiles[2] - quartiles[0]) / 1.349)


def test_seasonal_levels_have_the_unit_of_mase():
    levels = SeriesLevels.fit(VALUES, TRAIN, ("a", "b", "c"), [0, 1], method="seasonal", season=7)
    for index, (start, stop) in enumerate(TRAIN):
        change = np.abs(VALUES[start + 7 : stop] - VALUES[start : stop - 7])
        np.testing.assert_allclose(levels.width[index], np.nanmean(change, axis=0), rtol=1e-10)
        np.testing.assert_allclose(levels.shift[index], np.nanmean(VALUES[start:stop], axis=0), rtol=1e-10)


def test_other_columns_are_left_as_they_are():
    levels = fit(columns=[1])
    assert (levels.shift[:, 0] == 0).all()
    assert (levels.width[:, 0] == 1).all()


def test_a_constant_series_is_relative_to_its_value():
    levels = SeriesLevels.fit(np.array([[4.0], [4.0], [0.0]]), np.array([[0, 2], [2, 3]]), "ab", [0])
    assert levels.width.tolist() == [[4.0], [1.0]]


def test_an_unknown_series_gets_the_level_of_its_first_window():
    levels = fit()
    arranged = levels.arrange(("c", "new"), VALUES, np.array([80, 50]), lookback=10)
    np.testing.assert_array_equal(arranged.shift[0], levels.shift[2])
    np.testing.assert_allclose(arranged.shift[1], np.nanmean(VALUES[50:60], axis=0))
    np.testing.assert_allclose(arranged.width[1], np.nanstd(VALUES[50:60], axis=0))


def test_levels_survive_json_and_are_extended_channel_by_channel():
    levels = SeriesLevels.from_dict(json.loads(json.dumps(fit().to_dict())))
    assert levels.is_close(fit())
    more = levels.extend([None, 1])
    assert more.shift.shape == (3, 4)
    np.testing.assert_array_equal(more.width[:, 3], levels.width[:, 1])
    assert (more.width[:, 2] == 1).all()
    np.testing.assert_array_equal(more.first(2).shift, levels.shift)


@pytest.mark.parametrize("change", ["ids", "width"])
def test_other_levels_are_not_close(change):
    levels = fit()
    other = {"ids": ("a", "b", "d"), "shift": levels.shift, "width": levels.width}
    if change == "width":
        other = {**other, "ids": levels.ids, "width": levels.width * 1.01}
    assert not levels.is_close(SeriesLevels(**other))
