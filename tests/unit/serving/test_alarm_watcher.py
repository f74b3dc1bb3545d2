"""Alarms of a running service: on its page, in its metrics, as events, in the tracker and after a restart."""

import json
import time

import numpy as np
import pytest

from tests.helpers.monitoring_case import local, make_options
from tests.helpers.recording_tracker import RecordingTracker
from tests.helpers.service_client import serving
from tests.helpers.serving_case import START, make_model, make_panel_model, make_rows
from tsforecast.monitoring.monitor import FILE, Reference
from tsforecast.monitoring.reference import InputReference
from tsforecast.monitoring.series_references import SERIES_FILE, write_references
from tsforecast.registry import Registry
from tsforecast.serving import alarm_watcher
from tsforecast.tracking.current import use_tracker

FEATURES = ("load", "pressure")
DAY = 86_400
TIME, COLUMNS = make_rows(200)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(alarm_watcher, "SECONDS", 0.02)


def make_reference():
    earlier, columns = make_rows(5 * 1440, seed=1, start=START - np.timedelta64(10, "D"))
    seconds = earlier.astype("datetime64[s]").astype(np.int64)
    values = np.stack([columns[name] for name in FEATURES], axis=1)
    inputs = InputReference.fit(FEATURES, 60, lambda: [(seconds, values)], int(seconds[-1440]), local)
    return Reference(inputs, None, (0.9,))


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    path = tmp_path_factory.mktemp("alarms")
    content = json.dumps(make_reference().to_dict()).encode()
    registry = Registry(path / "registry")
    for number, extra in enumerate([{}, {FILE: content}]):
        model = path / "model.keras"
        make_model(bias=0.1 * number).save(model)
        version = registry.add(
            model, config=f"seed: {number}\n", result={"model": "nlinear"}, lineage={}, extra=extra
        )
        registry.promote(version.name, "test")
    return registry


def send(client, rows, columns=COLUMNS):
    body = [
        {"time": str(TIME[row]), "values": {name: columns[name][row] for name in FEATURES}} for row in rows
    ]
    answer = client.post("/v1/rows", json={"rows": body})
    assert answer.status_code == 200, answer.text


def wait_for(client, condition):
    deadline = time.monotonic() + 10
    while True:
        body = client.get("/v1/alarms").json()
        if condition(body["alarms"]):
            return body
        assert time.monotonic() < deadline, body
        time.sleep(0.02)


def wait_for_metrics(client, condition):
    deadline = time.monotonic() + 10
    while not condition(text := client.get("/metrics").text):
        assert time.monotonic() < deadline, text
        time.sleep(0.02)
    return text


def select_kind(alarms, kind):
    return [alarm for alarm in alarms if alarm["kind"] == kind]


STUCK = {**COLUMNS, "load": np.where(np.arange(200) < 20, COLUMNS["load"], 1.5)}


def test_a_stuck_sensor_raises_one_alarm_everywhere_and_its_end_is_noted(registry):
    tracker, events, sent = RecordingTracker(), [], []

    class Sink:
        start, stop, put = (lambda self: None), (lambda self: None), (lambda self, alarm: sent.append(alarm))

    with use_tracker(tracker), serving(registry, alarms=make_options(), webhook=Sink()) as client:
        client.service.events.publish = lambda kind, content: events.append((kind, content))
        send(client, range(40), STUCK)
        (alarm,) = select_kind(
            wait_for(client, lambda alarms: select_kind(alarms, "stuck"))["alarms"], "stuck"
        )
        assert (alarm["feature"], alarm["severity"], alarm["end"]) == ("load", "critical", None)
        assert alarm["text"].startswith("load has been 1.5")
        metrics = wait_for_metrics(
            client, lambda text: 'tsforecast_open_alarm{feature="load",kind="stuck"' in text
        )
        assert 'tsforecast_alarms_total{kind="stuck",severity="critical"} 1.0' in metrics
        assert select_kind(client.get("/v1/live").json()["alarms"], "stuck") == [alarm]
        send(client, range(40, 60))
        body = wait_for(client, lambda alarms: select_kind(alarms, "stuck")[0]["end"])
        assert len(select_kind(body["alarms"], "stuck")) == 1
        wait_for_metrics(client, lambda text: 'tsforecast_open_alarm{feature="load",kind="stuck"' not in text)
    assert [
        content["end"] is None for kind, content in events if kind == "alarm" and content["kind"] == "stuck"
    ] == [
        True,
        False,
    ]
    assert [alarm.kind for alarm in sent if alarm.kind == "stuck"] == ["stuck", "stuck"]
    assert any(text.startswith("load has been 1.5") for _, text in tracker.alerts)


def test_open_alarms_survive_a_restart(registry, tmp_path):
    journal = tmp_path / "journal.db"
    with serving(registry, alarms=make_options(), journal=journal) as client:
        send(client, range(40), STUCK)
        before = wait_for(client, lambda alarms: select_kind(alarms, "stuck"))
    with serving(registry, alarms=make_options(), journal=journal) as client:
        body = wait_for(client, lambda alarms: select_kind(alarms, "stuck"))
        assert select_kind(body["alarms"], "stuck") == select_kind(before["alarms"], "stuck")
        send(client, range(40, 60), STUCK)
        send(client, range(60, 62))
        ended = wait_for(client, lambda alarms: select_kind(alarms, "stuck")[0]["end"])
        assert len(select_kind(ended["alarms"], "stuck")) == 1


def test_a_version_without_statistics_says_so_and_truths_are_watched(registry):
    registry.promote("v0001", "test")
    try:
        with serving(registry, alarms=make_options()) as client:
            send(client, range(40), STUCK)
            body = wait_for(client, lambda alarms: client.get("/v1/alarms").json()["monitoring"])
            assert (
                body["monitoring"] == "v0001 has no monitoring.json: promote its run again to monitor inputs."
            )
            assert select_kind(body["alarms"], "stuck") == []
            assert client.service._alarms.monitor.truths.blocks is not None
    finally:
        registry.promote("v0002", "test")


def test_a_forecast_spike_is_an_alarm_until_a_forecast_without_one(registry):
    with serving(registry, alarms=make_options()) as client:
        service = client.service
        high = {**COLUMNS, "load": COLUMNS["load"].copy()}
        send(client, range(20), high)
        wait_for(client, lambda alarms: service._alarms.monitor is not None)
        from tsforecast.serving.hooks import IssuedForecast
        from tsforecast.serving.window_record import WindowRecord

        def issue(made_at, flag):
            arrays = {"alarm": np.array([[flag]]), "values": np.array([[5.0]]), "last": np.array([1.0])}
            service.call_watchers(IssuedForecast(WindowRecord("v0002", made_at, arrays), ("load",)))

        issue(600, True)
        (spike,) = select_kind(
            wait_for(client, lambda alarms: select_kind(alarms, "spike"))["alarms"], "spike"
        )
        assert spike["text"] == "A spike of load is forecast: 5.000, a rise of 4.000."
        issue(660, False)
        ended = wait_for(client, lambda alarms: select_kind(alarms, "spike")[0]["end"])
        assert select_kind(ended["alarms"], "spike")[0]["end"] == 660


def test_a_feed_that_stops_is_an_alarm_until_it_goes_on(registry):
    with serving(registry, alarms=make_options()) as client:
        send(client, range(20))
        wait_for(client, lambda alarms: client.service._alarms.monitor is not None)
        silence = client.service._alarms.monitors.items[""].silence
        silence.min_seconds = 0.3
        for row in range(20, 32):
            send(client, [row])
            time.sleep(0.03)
        silence._longest = 0.1
        (alarm,) = select_kind(
            wait_for(client, lambda alarms: select_kind(alarms, "silence"))["alarms"], "silence"
        )
        assert (alarm["feature"], alarm["severity"]) == ("All features", "critical")
        assert alarm["text"].startswith("No row has arrived for 0.")
        send(client, [32])
        assert wait_for(client, lambda alarms: select_kind(alarms, "silence")[0]["end"])


def test_what_fails_in_monitoring_leaves_the_service_alone(registry, monkeypatch, capsys):
    with serving(registry, alarms=make_options()) as client:

        def fail(model, events, now):
            raise ValueError("broken")

        monkeypatch.setattr(client.service._alarms, "_update", fail)
        send(client, range(20))
        send(client, range(20, 30))
        body = wait_for(client, lambda alarms: client.get("/v1/alarms").json()["monitoring"])
        assert body["monitoring"] == "Monitoring failed (ValueError: broken)."
        assert client.get("/v1/live").status_code == 200


@pytest.fixture(scope="module")
def panel(tmp_path_factory):
    path = tmp_path_factory.mktemp("panel")
    content = write_references((name, make_reference()) for name in ("north", "south"))
    registry, model = Registry(path / "registry"), path / "model.keras"
    make_panel_model().save(model)
    extra = {SERIES_FILE: content}
    version = registry.add(model, config="seed: 0\n", result={"model": "nlinear"}, lineage={}, extra=extra)
    registry.promote(version.name, "test")
    return registry


def send_series(client, rows, **columns):
    body = [
        {"series": name, "time": str(TIME[row]), "values": {key: given[key][row] for key in FEATURES}}
        for row in rows
        for name, given in columns.items()
    ]
    answer = client.post("/v1/rows", json={"rows": body})
    assert answer.status_code == 200, answer.text


def test_alarms_of_many_series_name_them_in_answers_and_not_in_metrics(panel, tmp_path):
    journal, tracker = tmp_path / "journal.db", RecordingTracker()
    with use_tracker(tracker), serving(panel, alarms=make_options(), journal=journal) as client:
        send_series(client, range(40), north=STUCK, south=COLUMNS)
        body = wait_for(client, lambda alarms: select_kind(alarms, "stuck"))
        (alarm,) = select_kind(body["alarms"], "stuck")
        assert (alarm["series"], alarm["feature"]) == ("north", "load")
        assert alarm["text"].startswith("'north': load has been 1.5")
        assert body["open_alarms"] == {"north": 1}
        assert body["monitoring"] is None
        live = {name: client.get(f"/v1/live?series={name}").json() for name in ("north", "south")}
        assert [len(select_kind(item["alarms"], "stuck")) for item in live.values()] == [1, 0]
        assert live["south"]["open_alarms"] == {"north": 1}
        assert set(client.get("/v1/alarms?series=south").json()["p_values"]) == {"load"}
        assert client.get("/v1/alarms?series=west").status_code == 404
        metrics = wait_for_metrics(
            client, lambda text: 'tsforecast_open_alarm{feature="load",kind="stuck"' in text
        )
        assert "north" not in metrics
        assert ("Critical: load of 'north'", alarm["text"]) in tracker.alerts
    with serving(panel, alarms=make_options(), journal=journal) as client:
        body = wait_for(client, lambda alarms: select_kind(alarms, "stuck"))
        assert select_kind(body["alarms"], "stuck") == [alarm]
        send_series(client, range(40, 60), north=COLUMNS, south=COLUMNS)
        wait_for(client, lambda alarms: select_kind(alarms, "stuck")[0]["end"])


def test_without_monitoring_there_are_no_alarms(registry):
    with serving(registry) as client:
        assert client.get("/v1/alarms").json() == {
            "alarms": [],
            "drift": [],
            "monitoring": "serve.alarms.enabled is false.",
        }


def test_the_state_is_stored_only_when_there_is_something_new(registry, monkeypatch):
    for name in ("SAVE_SECONDS", "SAVE_CHANGED_SECONDS"):
        monkeypatch.setattr(alarm_watcher, name, 0.0)
    with serving(registry, alarms=make_options()) as client:
        watcher, saves = client.service._alarms, []
        save = watcher._save
        monkeypatch.setattr(watcher, "_save", lambda: saves.append(save()))

        def wait_for_saves(count):
            deadline = time.monotonic() + 10
            while len(saves) < count:
                assert time.monotonic() < deadline
                time.sleep(0.02)

        send(client, range(40))
        wait_for_saves(1)
        time.sleep(0.2)
        count = len(saves)
        time.sleep(0.2)
        assert len(saves) == count
        send(client, [40])
        wait_for_saves(count + 1)
