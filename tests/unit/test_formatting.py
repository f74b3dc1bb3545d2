"""Numbers as a reader wants them."""

import numpy as np
import pytest

from tsforecast.formatting import duration, format_aligned, format_number, format_percent, short_size, size


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
        ("a<b", "a<b"),
        (True, "True"),
    ],
)
def test_a_number_is_formatted_for_reading(value, shown):
    assert format_number(value) == shown


def test_a_row_has_one_number_of_decimals():
    assert format_aligned([0.61234, 1.25, None]) == ["0.6123", "1.2500", "–"]
    assert format_aligned([-0.000787, 0.0069]) == ["−0.000787", "0.006900"]
    assert format_aligned([1234.5, 1.0]) == ["1,234.5", "1.0"]
    assert format_aligned([0.0, float("nan")]) == ["0", "–"]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(12.34, "12.3 s"), (59.99, "60 s"), (231.2, "3 min 51 s"), (7500, "2 h 5 min"), (None, "–")],
)
def test_duration(seconds, shown):
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0.1474, "+14.7"), (-0.02, "−2.0"), (0.0, "0.0"), (None, "–"), (float("nan"), "–"), (float("inf"), "–")],
)
def test_a_share_that_is_not_known_is_a_dash(share, shown):
    assert format_percent(share) == shown


@pytest.mark.parametrize(
    ("number", "text"), [(153_600, "153.6 KB"), (24e9, "24.0 GB"), (12, "12 B"), (None, "–")]
)
def test_size_has_decimal_units(number, text):
    assert size(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0312, "0.031 s"), (12.44, "12.4 s"), (192, "3 min 12 s"), (18360, "5 h 6 min"), (None, "–")],
)
def test_duration_uses_the_unit_that_fits(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(153_600, "154 KB"), (61_000_000, "61.0 MB"), (1_040_000_000, "1.0 GB"), (404, "404 B")],
)
def test_short_size_has_three_digits(number, text):
    assert short_size(number) == text
