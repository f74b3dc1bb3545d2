import numpy as np

from tsforecast.panels.panel import Panel, as_ranges, join_ids, mask_rows, take_rows

PANEL = Panel(("a", "b", "c"), np.array([0, 3, 4, 9]))


def test_rows_belong_to_the_series_whose_range_they_are_in():
    of_row = PANEL.series_of(np.arange(9))
    for index, (start, stop) in enumerate(PANEL.ranges):
        assert (of_row[start:stop] == index).all()
    assert PANEL.lengths.tolist() == [3, 1, 5]


def test_a_selection_keeps_the_rows_of_its_series():
    left, rows = PANEL.select(np.array([True, False, True]))
    assert left.ids == ("a", "c")
    assert left.bounds.tolist() == [0, 3, 8]
    assert np.flatnonzero(rows).tolist() == [0, 1, 2, 4, 5, 6, 7, 8]


def test_borders_of_one_series_are_ranges_of_a_panel_of_one():
    ranges = as_ranges(((0, 4), (4, 6), (6, 9)))
    assert ranges.shape == (3, 1, 2)
    assert take_rows(np.arange(9), ranges[1]).tolist() == [4, 5]
    assert take_rows(np.arange(9), ranges[1]).base is not None  # a view


def test_ranges_next_to_each_other_and_empty_ones_are_masked():
    mask = mask_rows(np.array([[0, 2], [2, 3], [5, 5], [8, 9]]), 9)
    assert np.flatnonzero(mask).tolist() == [0, 1, 2, 8]


def test_few_names_are_all_shown():
    assert join_ids(["a", "b"]) == "'a', 'b'"
