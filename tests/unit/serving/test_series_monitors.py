"""The monitors of many series in service: each has its own reference, alarms, levels and silence."""

import dataclasses
import json

import pytest

from tests.helpers.monitoring_case import FEATURES, TRAINING, make_options, make_reference, make_rows
from tests.helpers.serving_case import make_panel_metadata
from tsforecast.inference.options import IntervalOptions
from tsforecast.inference.series_intervals import SeriesIntervals
from tsforecast.monitoring.series_references import SERIES_FILE, write_references
from tsforecast.serving import monitor_state
from tsforecast.serving.hooks import AcceptedRow, ScoredForecast
from tsforecast.serving.monitor_state import STATE, restore_monitors, store_monitors
from tsforecast.serving.series_book import SeriesBook
from tsforecast.serving.series_monitors import SERIES_LEVELS, SeriesMonitors
from tsforecast.serving.window_record import Point

STEP = 600
SECONDS, VALUES = make_rows(4, seed=9, first_day=TRAINING)


class Version:
    def __init__(self, path):
        self.path = path

    def result(self):
        return {}


class Loaded:
    """What the monitors need of a loaded model."""

    def __init__(self, path, name="v0001"):
        self.name, self.version = name, Version(path)
        self.metadata = make_panel_metadata(step_seconds=STEP)
        self.intervals = SeriesIntervals(self.metadata, IntervalOptions(coverage=0.9, rate=0.01, memory=100))
        self.series = SeriesBook(self.metadata, self.intervals)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("version")
    reference = dataclasses.replace(make_reference(), residuals=None, promised=(0.9,))
    (path / SERIES_FILE).write_bytes(write_references([("north", reference), ("south", reference)]))
    return path


def make_monitors(folder, before=None, name="v0001"):
    return SeriesMonitors(Loaded(folder, name), make_options(), before)


def rows(series, start, stop, values=VALUES):
    return [
        AcceptedRow(int(SECONDS[row]), dict(zip(FEATURES, values[row].tolist(), strict=True)), series)
        for row in range(start, stop)
    ]


def stuck(first):
    values = VALUES.copy()
    values[first:, 0] = 4.5
    return values


def kinds(alarms):
    return [(alarm.series, alarm.kind, alarm.feature) for alarm in alarms]


def test_an_alarm_names_its_series_and_the_others_stay_quiet(folder):
    monitors = make_monitors(folder)
    assert monitors.feed(rows("north", 0, 100) + rows("south", 0, 100), 0.0) == []
    changes = monitors.feed(rows("north", 100, 107, stuck(100)) + rows("south", 100, 107), 1.0)
    assert kinds(changes) == [("north", "stuck", "load")]
    assert changes[0].text.startswith("'north': load has been 4.5")
    assert kinds(monitors.open_alarms()) == kinds(changes)
    assert {name: set(monitors.items[name].monitor.book.open) for name in ("north", "south")} == {
        "north": {("stuck", "load")},
        "south": set(),
    }


def test_false_alarms_are_those_of_all_series_together(folder):
    monitors = make_monitors(folder)
    alone = dataclasses.replace(make_options(), false_alarms_per_week=0.05)
    shared = monitors.of("north").monitor.inputs.drift.thresholds
    from tsforecast.monitoring.inputs import InputMonitor

    single = InputMonitor(make_reference().inputs, alone, lambda seconds: seconds).drift.thresholds
    assert (shared >= single).all()
    assert (shared > single).any()


def test_levels_are_those_of_each_series_and_the_highest_of_all(folder):
    monitors = make_monitors(folder)
    shifted = VALUES.copy()
    shifted[:, 0] *= 1.02
    monitors.feed(rows("north", 0, 300) + rows("south", 0, 300, shifted), 0.0)
    south = monitors.items["south"].levels["relation"]["load"]
    assert south > monitors.items["north"].levels["relation"]["load"]
    assert monitors.levels["relation"]["load"] == south
    assert monitors.history[-1]["series"]["relation"] == "south"
    for row in range(300, 570, 6):
        monitors.feed(rows("south", row, row + 6, shifted), 1.0)
    assert 0 < len(monitors.items["south"].history) <= SERIES_LEVELS


def test_a_series_without_a_reference_has_its_forecasts_monitored(folder):
    monitors = make_monitors(folder)
    monitors.feed(rows("new", 0, 50), 0.0)
    assert monitors.items["new"].monitor.inputs is None
    assert "'new' has no two weeks of training rows" in monitors.note_of("new")
    assert monitors.note_of("north") is None
    assert make_monitors(folder.parent).note == (
        f"v0001 has no {SERIES_FILE}: promote its run again to monitor inputs."
    )


def test_scores_of_a_series_reach_its_own_monitor(folder):
    monitors = make_monitors(folder)
    point = {"version": "v0001", "made_at": 0, "step": 0, "target": 0, "last": 1.0, "alarm": False}
    bands = {"low": 2.0, "high": 2.0, "lower": 1.0, "upper": 3.0, "spike": None, "forecast": 2.0}
    scores = [
        ScoredForecast(Point(**point, **bands, time=time, truth=2.5, series="north"), False)
        for time in range(0, 30 * STEP, STEP)
    ]
    monitors.feed(scores, 0.0)
    assert monitors.items["north"].monitor.last_time == 29 * STEP
    assert set(monitors.items) == {"", "north"}


def arrive(monitors, name, row, now):
    return monitors.feed(rows(name, row, row + 1), now)


def make_steady(folder):
    """Two series that have sent a row every 10 s."""
    monitors = make_monitors(folder)
    for item in ("", "north", "south"):
        monitors.of(item).silence.min_seconds = 50.0
    for row in range(12):
        arrive(monitors, "north", row, 10.0 * row)
        arrive(monitors, "south", row, 10.0 * row + 1)
    return monitors


def test_one_series_that_falls_silent_is_named(folder):
    monitors, changes = make_steady(folder), []
    for row in range(12, 24):
        assert monitors.is_due(10.0 * row) == (row == 17)
        changes += arrive(monitors, "north", row, 10.0 * row)
    assert kinds(changes) == [("south", "silence", "All features")]
    assert changes[0].text.startswith("'south': No row has arrived for")
    (ended,) = arrive(monitors, "south", 12, 240.0)
    assert ended.end is not None


def test_a_silence_of_the_whole_service_is_one_alarm(folder):
    monitors = make_steady(folder)
    assert monitors.is_due(170.0)
    changes = monitors.feed([], 170.0)
    assert kinds(changes) == [("", "silence", "All features")]
    assert changes[0].start == SECONDS[11]
    assert not monitors.is_due(1000.0)
    (ended,) = arrive(monitors, "north", 12, 1000.0)
    assert (ended.series, ended.end is not None) == ("", True)
    assert monitors.feed([], 1040.0) == []  # the other has not had the time to follow
    assert kinds(arrive(monitors, "north", 13, 1060.0)) == [("south", "silence", "All features")]


def test_open_alarms_pass_to_the_next_version_and_end_there(folder):
    monitors = make_monitors(folder)
    monitors.feed(rows("north", 0, 107, stuck(100)), 0.0)
    later = make_monitors(folder, monitors, "v0002")
    assert later.changes == []
    assert kinds(later.open_alarms()) == [("north", "stuck", "load")]
    assert kinds(later.feed(rows("north", 107, 120), 1.0)) == [("north", "stuck", "load")]
    assert later.open_alarms() == []


class Journal:
    def __init__(self, values):
        self.values = values

    def read_meta(self, key):
        return self.values.get(key)

    def read_metas(self, prefix):
        return {key[len(prefix) :]: value for key, value in self.values.items() if key.startswith(prefix)}


def test_the_state_of_each_series_is_restored(folder):
    whole, first = make_monitors(folder), make_monitors(folder)
    for monitors in (whole, first):
        monitors.feed(rows("north", 0, 107, stuck(100)) + rows("south", 0, 107), 0.0)
    values, is_complete = store_monitors(first, everything=True)
    assert is_complete
    second = make_monitors(folder)
    restore_monitors(second, Journal(values))
    assert second.open_alarms() == first.open_alarms()
    assert second.items["south"].levels == first.items["south"].levels
    more = rows("north", 107, 200, stuck(100)) + rows("south", 107, 200)
    assert second.feed(more, 1.0) == whole.feed(more, 1.0)
    for name in ("north", "south"):
        assert second.items[name].monitor.to_dict() == whole.items[name].monitor.to_dict()
    other = make_monitors(folder, name="v0002")
    restore_monitors(other, Journal(values))
    assert set(other.items) == {"", "north"}
    assert kinds(other.open_alarms()) == [("north", "stuck", "load")]


def test_what_has_changed_is_stored_a_part_at_a_time_and_alarms_first(folder, monkeypatch):
    monkeypatch.setattr(monitor_state, "MAX_STORED", 2)
    monitors, names = make_monitors(folder), ["a", "b", "c", "north"]
    monitors.feed([row for name in names[:3] for row in rows(name, 0, 5)], 0.0)
    monitors.feed(rows("north", 0, 40, stuck(0)), 0.0)
    stored = []
    for _ in range(3):
        values, is_complete = store_monitors(monitors, everything=False)
        stored.append(([key.removeprefix(f"{STATE}/") for key in values if "/" in key], is_complete))
        json.loads(values[STATE])
    assert stored == [(["north", "a"], False), (["b", "c"], True), ([], True)]
    monitors.feed(rows("a", 5, 6) + rows("b", 5, 6) + rows("c", 5, 6), 1.0)
    values, _ = store_monitors(monitors, everything=False)
    assert [key for key in values if "/" in key] == [f"{STATE}/a", f"{STATE}/b"]


def test_state_is_small(folder):
    monitors = make_monitors(folder)
    sizes = []
    for part in range(2):
        monitors.feed(rows("north", 240 * part, 240 * part + 240), 0.0)
        values, _ = store_monitors(monitors, everything=True)
        sizes.append(len(values[f"{STATE}/north"]))
    assert max(sizes) < 20_000
    assert abs(sizes[1] - sizes[0]) < 1000
