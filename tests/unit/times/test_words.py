"""Dates with words: months in several languages, and days of the week."""

import numpy as np
import pyarrow as pa
import pytest

from tsforecast.times.text import read_text
from tsforecast.times.words import NAMES, month_number, without_weekday


def test_every_name_of_a_month_is_that_month():
    for number, names in enumerate(NAMES, 1):
        assert {month_number(name.title()) for name in names.split()} == {number}


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("Mon 05 Feb 2024", "%d %b %Y"),
        ("5. Februar 2024", "%d. %b %Y"),
        ("05 févr. 2024", "%d %b %Y"),
        ("5 de febrero de 2024", "%d de %b de %Y"),
        ("Montag, 05.02.2024", "%d.%m.%Y"),
        ("05/Feb/2024:00:00:00", "%d/%b/%Y:%H:%M:%S"),
        ("Mon Feb 05 00:00:00 2024", "%b %d %H:%M:%S %Y"),
    ],
)
def test_dates_with_words_are_read(text, pattern):
    reading = read_text(pa.chunked_array([[text]]), pattern)
    assert reading.time[0] == np.datetime64("2024-02-05")


def test_months_are_not_days_of_the_week():
    assert [without_weekday(text) for text in ("Mar 05 2024", "March 5", "Sat 5", "Monat 5")] == [
        "Mar 05 2024", "March 5", "5", "Monat 5",
    ]  # fmt: skip


def test_a_date_without_a_clock_among_others_is_midnight():
    text = pa.chunked_array([["31/01/2024 23:00", "01/02/2024", "01/02/2024 01:00", "01/02", "02/13/2024"]])
    reading = read_text(text, "%d/%m/%Y %H:%M")
    assert reading.bad.tolist() == [False, False, False, True, True]
    assert reading.time[1] == np.datetime64("2024-02-01")
