"""Parallel coordinates: numbers to scale, words apart, and labels that overlap neither each other nor an axis."""

import itertools

import pytest

from tsforecast.reporting.parallel import (
    AXIS_WIDTH,
    CHARACTER_WIDTH,
    LABEL_HEIGHT,
    parallel_coordinates,
)


def test_axes_keep_numbers_to_scale_and_words_apart():
    chart = parallel_coordinates(["n", "w"], [(0, "a", [1, "x"]), (1, "b", [2, "y"]), (2, "c", [4, None])])
    assert [line.run for line in chart.lines] == [2, 1, 0]  # the best is drawn last, on top
    heights = [
        [float(point.split(",")[1]) for point in line.points.split()] for line in reversed(chart.lines)
    ]
    first = [height[0] for height in heights]
    assert first[0] - first[1] == pytest.approx((first[1] - first[2]) / 2, abs=0.2)
    assert len({height[1] for height in heights}) == 3


def test_numbers_of_several_orders_are_spread_by_their_logarithm():
    chart = parallel_coordinates(["rate"], [(i, "", [10.0**-i]) for i in range(5)])
    heights = sorted(label.y for label in chart.axes[0].labels)
    assert heights[1] - heights[0] == pytest.approx(heights[4] - heights[3])


def test_labels_do_not_overlap():
    rows = [
        (i, "run", [0.5 + 0.001 * i**3, "a_name_that_is_much_too_long_for_its_axis" + "!" * i])
        for i in range(6)
    ]
    chart = parallel_coordinates(["training.some.long.key.of.the.config", "model"], rows)
    for axis in chart.axes:
        heights = sorted(label.y for label in axis.labels)
        assert min(after - before for before, after in itertools.pairwise(heights)) >= LABEL_HEIGHT
        assert chart.top <= heights[0]
        assert heights[-1] <= chart.bottom < axis.name.y - LABEL_HEIGHT
        assert len(axis.name.text) * CHARACTER_WIDTH < AXIS_WIDTH
        assert all(8 + len(label.text) * CHARACTER_WIDTH < AXIS_WIDTH for label in axis.labels)
        assert axis.x + 8 + max(len(label.text) for label in axis.labels) * CHARACTER_WIDTH <= chart.width
    assert chart.axes[1].labels[0].full == "a_name_that_is_much_too_long_for_its_axis"


def test_equal_values_are_in_the_middle():
    chart = parallel_coordinates(["n"], [(0, "a", [3]), (1, "b", [3])])
    assert [label.text for label in chart.axes[0].labels] == ["3"]
    assert chart.axes[0].labels[0].y == pytest.approx((chart.top + chart.bottom) / 2)
