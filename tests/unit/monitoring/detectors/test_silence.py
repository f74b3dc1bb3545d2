from tsforecast.monitoring.detectors.silence import MIN_ARRIVALS, SilenceDetector


def detector(pause, arrivals=MIN_ARRIVALS):
    watch = SilenceDetector(min_seconds=900.0)
    for number in range(arrivals):
        watch.add_arrival(number * pause)
    return watch, (arrivals - 1) * pause


def test_a_feed_that_stops_is_silent_until_a_row_arrives():
    watch, last = detector(60.0)
    assert not watch.is_silent(last + 900.0)
    assert watch.is_silent(last + 901.0)
    watch.add_arrival(last + 1000.0)
    assert not watch.is_silent(last + 1001.0)


def test_rows_that_come_once_a_day_are_no_silence():
    watch, last = detector(86_400.0)
    assert not watch.is_silent(last + 86_400.0)
    assert watch.is_silent(last + 2.1 * 86_400.0)


def test_before_enough_rows_and_without_any_nothing_is_said():
    watch, last = detector(60.0, arrivals=MIN_ARRIVALS - 1)
    assert not watch.is_silent(last + 1e9)
    assert not SilenceDetector(1.0).is_silent(1e9)
