from tsforecast.monitoring.alarms import SEVERITIES, SEVERITY, AlarmBook


def test_at_most_one_alarm_is_open_per_kind_and_feature():
    book = AlarmBook(keep=10)
    assert book.raise_alarm("stuck", "a", time=1, text="x") is not None
    assert book.raise_alarm("stuck", "a", time=2, text="x") is None
    assert book.raise_alarm("stuck", "b", time=2, text="x") is not None
    assert book.raise_alarm("level", "a", time=2, text="x") is not None
    assert len(book.open) == 3
    assert book.end_alarm("stuck", "a", time=3).end == 3
    assert book.end_alarm("stuck", "a", time=4) is None


def test_the_newest_ended_alarms_are_kept_and_all_open_ones():
    book = AlarmBook(keep=3)
    for number in range(6):
        book.raise_alarm("spike", "a", time=number, text="x")
        book.end_alarm("spike", "a", time=number)
    book.raise_alarm("level", "a", time=9, text="x")
    assert [alarm.number for alarm in book.newest(10)] == [7, 6, 5, 4]
    other = AlarmBook(keep=3)
    other.restore(book.to_dict())
    assert other.newest(10) == book.newest(10)
    assert other.raise_alarm("stuck", "a", time=10, text="x").number == 8


def test_severities_are_known():
    assert set(SEVERITY.values()) == set(SEVERITIES)
