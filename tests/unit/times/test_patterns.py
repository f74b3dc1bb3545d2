"""Which columns may hold times, judged by their names and values."""

from tsforecast.times.patterns import sounds_like_time


def test_only_names_of_time_make_numbers_a_time():
    assert all(map(sounds_like_time, ("Timestamp", "date_time", "ts", "UTC", "epoch_ms", "Date")))
    assert not any(map(sounds_like_time, ("watts", "units", "update_count", "runtime", "load", "plants")))
