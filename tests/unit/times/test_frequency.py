"""Steps are read in the usual spellings, and stored and shown without loss."""

import numpy as np
import pytest

from tsforecast.errors import UserError
from tsforecast.times.frequency import (
    Frequency,
    business_day,
    business_day_index,
    is_weekend,
    parse_frequency,
)

WRITTEN = {
    Frequency(900): ("15min", "15T", "900", 900, "900s", "15 minutes"),
    Frequency(3600): ("1h", "H", "60min", "1 hour"),
    Frequency(86_400): ("1d", "D", "24h", "day"),
    Frequency(604_800): ("1w", "W", "W-MON", "7d", "1 week"),
    Frequency(1, "mo"): ("1mo", "M", "1M", "MS", "ME", "BME", "1 month", "months"),
    Frequency(3, "mo"): ("1q", "Q", "QS", "QE", "3mo", "3M", "QS-JAN", "quarter"),
    Frequency(12, "mo"): ("1y", "Y", "YS", "A", "12mo", "4q", "YE-DEC", "year"),
    Frequency(1, "bd"): ("1bd", "B", "b", "businessday"),
}


@pytest.mark.parametrize("frequency", WRITTEN, ids=str)
def test_every_spelling_of_a_step_is_read(frequency):
    assert {Frequency.parse(text) for text in WRITTEN[frequency]} == {frequency}
    assert Frequency.from_json(frequency.to_json()) == frequency


@pytest.mark.parametrize(
    "text", ["", "0", "0h", "-1h", "1.5h", "fortnight", "1m", "500ms", True, "1 h 5 min"]
)
def test_what_is_no_step_is_refused(text):
    with pytest.raises(UserError, match=r"data.frequency is .*1bd \(business day\), 1mo"):
        parse_frequency(text)


@pytest.mark.parametrize(
    ("text", "season", "words"),
    [
        ("1min", 1440, "1 min"),
        ("1h", 24, "1 h"),
        ("1d", 7, "1 d"),
        ("1w", 52, "7 d"),
        ("1bd", 5, "1 business day"),
        ("1mo", 12, "1 month"),
        ("2mo", 6, "2 months"),
        ("1q", 4, "1 quarter"),
        ("1y", 1, "1 year"),
        ("5mo", 1, "5 months"),
    ],
)
def test_season_and_words_follow_from_the_step(text, season, words):
    frequency = Frequency.parse(text)
    assert (frequency.season, frequency.describe(), str(Frequency.parse(str(frequency)))) == (
        season,
        words,
        str(frequency),
    )


def test_business_days_are_numbered_from_monday_to_friday():
    days = np.arange(np.datetime64("1999-12-27"), np.datetime64("2000-01-10")).astype(np.int64)
    index = business_day_index(days)
    assert (index - index[0]).tolist() == [0, 1, 2, 3, 4, 4, 4, 5, 6, 7, 8, 9, 9, 9]
    np.testing.assert_array_equal(business_day(index)[~is_weekend(days)], days[~is_weekend(days)])
