"""Numbers as a reader wants them."""

import numpy as np
import pytest

from tsforecast.formatting import duration
from tsforecast.reporting.format import figure, row_figures


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.61234, "0.6123"),
        (0.0, "0"),
        (-0.25, "−0.2500"),
        (12.3456, "12.35"),
        (1234567.8, "1,234,568"),
        (270273, "270,273"),
        (np.int64(5000), "5,000"),
        (np.float32(0.5), "0.5000"),
        (1.5e-6, "1.5e−06"),
        (float("nan"), "–"),
        (float("inf"), "–"),
        (None, "–"),
        ("a<b", "a&lt;b"),
        (True, "True"),
    ],
)
def test_figure(value, shown):
    assert figure(value) == shown


def test_a_row_has_one_number_of_decimals():
    assert row_figures([0.61234, 1.25, None]) == ["0.6123", "1.2500", "–"]
    assert row_figures([-0.000787, 0.0069]) == ["−0.000787", "0.006900"]
    assert row_figures([1234.5, 1.0]) == ["1,234.5", "1.0"]
    assert row_figures([0.0, float("nan")]) == ["0", "–"]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(12.34, "12.3 s"), (59.99, "60 s"), (231.2, "3 min 51 s"), (7500, "2 h 5 min"), (None, "–")],
)
def test_duration(seconds, shown):
    assert duration(seconds) == shown
