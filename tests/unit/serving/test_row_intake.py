"""New rows over HTTP: forecasts, scores, a kept look-back, and the newest forecast."""

import asyncio
import json
import sqlite3
import time

import pyarrow as pa
import pytest

from tests.helpers.service_client import serving
from tests.helpers.serving_case import HORIZON, LEAD, LOOKBACK, make_model, make_rows, register, window_json
from tsforecast.errors import UserError
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.serving import events
from tsforecast.serving.hooks import AcceptedRow, ScoredForecast
from tsforecast.serving.model_manager import check_same_targets
from tsforecast.serving.responses import ARROW

TIME, COLUMNS = make_rows(200)


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    return register(tmp_path_factory.mktemp("rows"), make_model(bias=0.25), make_model(bias=0.5))


def rows_json(rows):
    return [
        {"time": str(TIME[row]), "values": {name: values[row] for name, values in COLUMNS.items()}}
        for row in rows
    ]


def send(client, rows):
    answer = client.post("/v1/rows", json={"rows": rows_json(rows)})
    assert answer.status_code == 200, answer.text
    return answer.json()


def forecasts_of(client, *ends):
    windows = [window_json(TIME, COLUMNS, end) for end in ends]
    return client.post("/v1/forecast", json={"windows": windows}).json()["forecasts"]


def values(forecasts):
    return [item["forecast"]["load"] for item in forecasts]


def test_forecasts_of_rows_are_those_of_windows(registry):
    with serving(registry) as client, serving(registry) as other:
        body = send(client, range(LOOKBACK - 1))
        assert body["forecasts"] == []
        assert body["notes"] == [
            "1 more row is needed before the first forecast: a window has 8, without a long gap."
        ]
        answer = send(client, [LOOKBACK - 1])
        assert answer["forecasts"] == forecasts_of(other, LOOKBACK - 1)
        backlog = send(client, range(LOOKBACK, LOOKBACK + 5))
        assert values(backlog["forecasts"]) == values(forecasts_of(other, *range(LOOKBACK, LOOKBACK + 5)))
        assert (backlog["version"], backlog["unit"], backlog["rows"]) == ("v0002", "kW", 5)
        latest = client.get("/v1/forecast/latest").json()
        assert latest["forecasts"] == backlog["forecasts"][-1:]
        metrics = client.get("/metrics").text
        assert "tsforecast_rows_total 13.0" in metrics
        assert "tsforecast_journal_failing 0.0" in metrics
        assert read_counter(client, "tsforecast_journal_bytes") > 4096


def test_rows_score_earlier_forecasts(registry):
    with serving(registry) as client:
        seen = []
        client.service.watchers.append(seen.append)
        matched = [send(client, [row])["matched"] for row in range(40)]
        first = LOOKBACK - 1 + LEAD
        assert matched[:first] == [0] * first
        assert matched[first + HORIZON :] == [HORIZON] * (40 - first - HORIZON)
        rows = [event for event in seen if isinstance(event, AcceptedRow)]
        scores = [event for event in seen if isinstance(event, ScoredForecast)]
        assert [row.values["load"] for row in rows] == COLUMNS["load"][:40].tolist()
        assert [row.time for row in rows] == TIME[:40].astype(int).tolist()
        assert len(scores) == sum(matched)
        assert scores[0].point.truth == COLUMNS["load"][first]
        again = client.post(
            "/v1/observe", json={"rows": [{"time": str(TIME[39]), "values": {"load": 1}}]}
        ).json()
        assert again["matched"] == 0


def test_the_look_back_and_everything_learned_survive_a_restart(registry, tmp_path):
    journal = tmp_path / "journal.db"
    with serving(registry) as other:
        expected = [send(other, [row]) for row in range(80)]
    with serving(registry, journal=journal) as client:
        before = [send(client, [row]) for row in range(50)]
        latest = client.get("/v1/forecast/latest").json()
    with serving(registry, journal=journal) as client:
        assert client.get("/v1/forecast/latest").json() == latest
        after = [send(client, [row]) for row in range(50, 80)]
    assert before + after == expected


def test_csv_and_arrow_are_accepted(registry):
    with serving(registry) as client:
        send(client, range(LOOKBACK))
        row = LOOKBACK
        text = f"time,load,pressure\n{TIME[row]},{COLUMNS['load'][row]},{COLUMNS['pressure'][row]}\n"
        answer = client.post("/v1/rows", content=text, headers={"Content-Type": "text/csv; charset=utf-8"})
        assert len(answer.json()["forecasts"]) == 1
        table = pa.table(
            {"time": TIME[row + 1 : row + 3], **{k: v[row + 1 : row + 3] for k, v in COLUMNS.items()}}
        )
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        answer = client.post(
            "/v1/rows", content=sink.getvalue().to_pybytes(), headers={"Content-Type": ARROW}
        )
        assert len(answer.json()["forecasts"]) == 2


def test_wrong_rows_are_refused_and_leave_nothing(registry):
    with serving(registry) as client:
        send(client, range(LOOKBACK))
        far = [{"time": str(TIME[LOOKBACK]), "values": {"load": 1e300}}]
        answer = client.post("/v1/rows", json={"rows": far})
        assert answer.status_code == 422
        assert "too far from its training values" in answer.json()["error"]
        assert (
            client.post("/v1/rows", content=b"x", headers={"Content-Type": "text/plain"}).status_code == 415
        )
        assert len(send(client, [LOOKBACK])["forecasts"]) == 1


def test_there_is_no_newest_forecast_before_the_first(registry):
    with serving(registry) as client:
        answer = client.get("/v1/forecast/latest")
        assert answer.status_code == 503
        assert answer.json() == {"error": "No forecast has been made yet."}


def test_the_newest_forecast_is_the_one_that_arrived_last(registry):
    with serving(registry) as client:
        distant = {**window_json(TIME, COLUMNS, 20), "time": "2150-01-01T00:00:00"}
        client.post("/v1/forecast", json={"windows": [distant]})
        forecasts_of(client, 30, 31)
        assert client.get("/v1/forecast/latest").json()["forecasts"][0]["made_at"] == str(TIME[31])
        shown = client.get("/v1/live").json()["points"]
        assert {point["made_at"] for point in shown} == {int(TIME[row].astype(int)) for row in (30, 31)}


def test_a_shadow_forecasts_the_same_rows_and_windows_and_is_never_returned(registry, tmp_path):
    journal = tmp_path / "journal.db"
    with serving(registry, journal=journal, shadow="v0001") as client:
        wait_for_shadow(client)
        for row in range(60):
            body = send(client, [row])
            assert body["version"] == "v0002"
        forecasts_of(client, 100)
        wait_until(lambda: read_counter(client, "tsforecast_shadow_windows_total") == 60 - LOOKBACK + 2)
        assert {point["version"] for point in client.get("/v1/live").json()["points"]} == {"v0002"}
        scored = count_scores(client)
    assert scored["v0001"] == scored["v0002"] > 80
    with serving(registry, journal=journal, shadow="v0001") as client:
        wait_for_shadow(client)
        send(client, [60])
        assert count_scores(client)["v0001"] == scored["v0001"] + HORIZON


def wait_until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def wait_for_shadow(client):
    wait_until(lambda: client.service.manager.shadow is not None)


def read_counter(client, name):
    return client.service.telemetry.registry.get_sample_value(name)


def count_scores(client):
    client.service.learner.journal.flush()
    with sqlite3.connect(client.service.learner.path) as connection:
        return dict(connection.execute("SELECT version, COUNT(*) FROM scores GROUP BY version"))


def test_events_are_streamed_once_forecasts_are_stored(registry):
    with serving(registry) as client:
        send(client, range(LOOKBACK))
        service = client.service

        async def listen():
            stream = service.events.listen()
            await anext(stream)
            body = json.dumps({"rows": rows_json([LOOKBACK])}).encode()
            await service.rows.add_body(body, "application/json")
            event = await asyncio.wait_for(anext(stream), 5)
            await stream.aclose()
            return event

        event = client.portal.call(listen)
        kind, data = event.decode().split("\n")[:2]
        assert kind == "event: forecast"
        content = json.loads(data.removeprefix("data: "))
        assert content == client.get("/v1/forecast/latest").json()
        assert content["forecasts"][0]["made_at"] == str(TIME[LOOKBACK])


def test_more_listeners_than_allowed_are_refused(registry, monkeypatch):
    monkeypatch.setattr(events, "MAX_LISTENERS", 0)
    with serving(registry) as client:
        answer = client.get("/v1/events")
        assert answer.status_code == 503
        assert answer.json() == {"error": "0 clients listen already: close one of them."}


def test_a_shadow_with_other_targets_is_refused():
    one = ModelMetadata.from_model(make_model())
    other = ModelMetadata.from_model(make_model(targets=["pressure"]))
    check_same_targets(one, one, "v0001")
    with pytest.raises(UserError, match=r"v0002 forecasts pressure every 1 min, and the champion load"):
        check_same_targets(other, one, "v0002")
