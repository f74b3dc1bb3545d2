"""Bytes and durations as text."""

import pytest

from tsforecast.formatting import duration, short_size, size


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
