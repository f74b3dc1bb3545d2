"""Forecasts wait for their truths, whichever comes first, in bounded memory."""

from types import SimpleNamespace

import numpy as np

from tests.helpers.serving_case import HORIZON, LEAD, make_metadata, make_task
from tsforecast.inference.forecasts import Forecasts
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.serving.live_store import LiveStore
from tsforecast.serving.window_record import WindowRecord, split_windows

METADATA = ModelMetadata.from_task(make_task(), make_metadata())
START = np.datetime64("2024-01-01T00:00:00", "s")


def time_of(minute):
    return int((START + np.timedelta64(60 * minute, "s")).astype(np.int64))


def windows_of(minutes, value=1.5, version="v0001"):
    """Forecasts of a constant from windows that end at some minutes."""
    model = SimpleNamespace(metadata=METADATA, version=SimpleNamespace(name=version))
    made_at = START + np.array(minutes) * np.timedelta64(60, "s")
    values = np.full((len(minutes), HORIZON, 1), value)
    nothing = np.full(values.shape, np.nan)
    last = np.zeros((len(minutes), 1))
    return split_windows(model, made_at, last, Forecasts(values, values, values), nothing, nothing)


def add(store, minutes, **options):
    return store.add_windows(windows_of(minutes, **options))[0]


def test_truths_meet_forecasts_in_either_order():
    store = LiveStore(keep=100)
    store.observe(time_of(LEAD), target=0, value=7.0)
    add(store, [0, 1])
    by_time = {point["time"]: point["truth"] for point in store.snapshot()["points"]}
    assert by_time[time_of(LEAD)] == 7.0
    assert by_time[time_of(LEAD + 1)] is None
    matched = store.observe(time_of(LEAD + 1), target=0, value=8.0)
    assert [point.step for point in sorted(matched, key=lambda point: point.step)] == [0, 1]
    assert store.observe(time_of(LEAD + 1), target=0, value=9.0) == []  # the first truth counts


def test_alarms_are_rises_above_the_threshold_and_counted_once():
    store = LiveStore(keep=100)
    assert add(store, [0], value=0.9) == 0
    assert add(store, [1], value=1.1) == HORIZON
    assert add(store, [1], value=1.1) == 0  # made again by the same version
    assert add(store, [1], value=1.1, version="v0002") == HORIZON


def test_the_oldest_are_dropped():
    store = LiveStore(keep=6)
    add(store, range(20))
    for minute in range(30):
        store.observe(time_of(minute), target=0, value=1.0)
    points = store.snapshot()["points"]
    assert len(points) == 6
    assert {point["made_at"] for point in points} == {time_of(minute) for minute in (17, 18, 19)}
    assert len(store.truths) == 6


def test_everything_is_restored():
    store = LiveStore(keep=100)
    windows = [
        WindowRecord.from_bytes(window.version, window.made_at, window.to_bytes(), number)
        for number, window in enumerate(windows_of([0, 1]))
    ]
    store.add_windows(windows)
    store.observe(time_of(LEAD), target=0, value=7.0)
    restored = LiveStore(keep=100)
    restored.restore_truths((*key, value) for key, value in store.truths.items())
    restored.restore([(windows[1], {}), (windows[0], {(0, 0): 7.0})])
    assert restored.snapshot() == store.snapshot()
    assert len(restored.observe(time_of(LEAD + 1), target=0, value=8.0)) == 2


def test_a_window_far_from_all_others_is_not_shown():
    store = LiveStore(keep=100)
    add(store, range(10))
    add(store, [1_000_000])
    add(store, [10])
    assert {point["made_at"] for point in store.snapshot()["points"]} == {time_of(m) for m in range(11)}
    add(store, [3])
    assert store.snapshot()["newest"] == time_of(3)  # by arrival


def test_the_newest_forecasts_are_those_that_arrived_last():
    store = LiveStore(keep=100)
    add(store, [1_000_000])
    add(store, [5, 6])
    assert {point["made_at"] for point in store.snapshot(4)["points"]} == {time_of(5), time_of(6)}
    add(store, [1_000_001, 1_000_002])  # after a long pause
    assert {point["made_at"] for point in store.snapshot(6)["points"]} == {
        time_of(1_000_001),
        time_of(1_000_002),
    }
