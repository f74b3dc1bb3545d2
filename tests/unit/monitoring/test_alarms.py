import json

from tsforecast.monitoring.alarms import SEVERITIES, SEVERITY, AlarmBook, AlarmLog


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


def test_books_of_series_share_numbers_and_ended_alarms_and_name_the_series():
    log = AlarmLog(keep=2)
    north, south = (AlarmBook(keep=2, series=name, log=log) for name in ("north", "south"))
    first = north.raise_alarm("stuck", "load", time=1, text="load is stuck.")
    second = south.raise_alarm("stuck", "load", time=1, text="load is stuck.")
    assert (first.number, second.number) == (1, 2)
    assert (first.series, first.text) == ("north", "'north': load is stuck.")
    assert first.to_dict()["series"] == "north"
    assert "series" not in AlarmBook(keep=2).raise_alarm("stuck", "a", time=1, text="x").to_dict()
    north.end_alarm("stuck", "load", time=2)
    assert [alarm.series for alarm in south.ended] == ["north"]
    assert set(south.to_dict()) == {"open"}
    restored = AlarmBook(keep=2, series="south", log=log)
    restored.restore(json.loads(json.dumps(south.to_dict())))
    assert restored.open == south.open
    assert log.raised == 2
