"""The HTTP interface: its answers, its error messages, a model swap under load, and the adaptive intervals."""

import json
import re
import threading
import time

import numpy as np
import pyarrow as pa
import pytest

from tests.helpers.service_client import serving
from tests.helpers.serving_case import HORIZON, LEAD, LOOKBACK, make_model, make_rows, register, window_json
from tsforecast.access.tokens import TokenSource, parse_tokens
from tsforecast.inference.intervals import AdaptiveIntervals
from tsforecast.serving.responses import ARROW

TIME, COLUMNS = make_rows(400)


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    return register(tmp_path_factory.mktemp("app"), make_model(bias=0.25))


@pytest.fixture(scope="module")
def client(registry):
    with serving(registry) as client:
        yield client


def ask(client, *windows, **more):
    return client.post("/v1/forecast", json={"windows": list(windows), **more})


def test_forecast_answers_with_times_values_and_version(client):
    end = 20
    answer = ask(client, window_json(TIME, COLUMNS, end))
    assert answer.status_code == 200
    body = answer.json()
    assert body["version"] == "v0001"
    assert body["unit"] == "kW"
    one = body["forecasts"][0]
    assert one["made_at"] == str(TIME[end])
    assert one["times"] == [str(TIME[end + LEAD + step]) for step in range(HORIZON)]
    assert one["forecast"]["load"] == pytest.approx([COLUMNS["load"][end] + 0.25] * HORIZON, abs=1e-4)
    assert one["lower"] == {"load": [None] * HORIZON}


def test_forecasts_keep_the_order_of_windows_for_any_order_of_features(client):
    ends = [20, 33, 27, 50, 11, 90, 91]
    windows = [window_json(TIME, COLUMNS, end) for end in ends]
    for window in windows:
        window["values"] = [row[::-1] for row in window["values"]]
    forecasts = ask(client, *windows, features=["pressure", "load"]).json()["forecasts"]
    first_steps = [item["forecast"]["load"][0] for item in forecasts]
    assert first_steps == pytest.approx([COLUMNS["load"][end] + 0.25 for end in ends], abs=1e-4)


def arrow_body(ends, **changes):
    rows = np.concatenate([np.arange(end - LOOKBACK + 1, end + 1) for end in ends])
    table = {
        "window": np.repeat(np.arange(len(ends)), LOOKBACK),
        "time": TIME[rows],
        "load": COLUMNS["load"][rows],
        "pressure": COLUMNS["pressure"][rows],
        **changes,
    }
    sink = pa.BufferOutputStream()
    made = pa.table({name: values for name, values in table.items() if values is not None})
    with pa.ipc.new_stream(sink, made.schema) as stream:
        stream.write_table(made)
    return sink.getvalue().to_pybytes()


def test_arrow_and_json_give_the_same_forecasts(client):
    ends = [20, 60]
    answer = client.post(
        "/v1/forecast", content=arrow_body(ends), headers={"Content-Type": ARROW, "Accept": ARROW}
    )
    assert answer.status_code == 200
    table = pa.ipc.open_stream(answer.content).read_all()
    forecasts = ask(client, *[window_json(TIME, COLUMNS, end) for end in ends]).json()["forecasts"]
    assert table["forecast"].to_pylist() == pytest.approx(
        [value for item in forecasts for value in item["forecast"]["load"]]
    )
    assert [str(t).replace(" ", "T") for t in table["time"].to_pylist()] == [
        item_time for item in forecasts for item_time in item["times"]
    ]
    assert table.schema.metadata == {b"version": b"v0001"}


GOOD = window_json(TIME, COLUMNS, 20)


def changed(row=3, column=0, to=None):
    values = [list(one) for one in GOOD["values"]]
    values[row][column] = to
    return {"windows": [{**GOOD, "values": values}]}


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        (
            {"windows": [{**GOOD, "values": GOOD["values"][1:]}]},
            422,
            "has 7 rows, and the model needs exactly 8",
        ),
        ({"windows": [{**GOOD, "values": [[1.0]] * 8}]}, 422, r"values\[0\] has 1 numbers for 2 features"),
        (changed(to=None), 422, r"values\[3\]: the value of 'load' is missing or not a number"),
        (changed(to=float("nan")), 422, r"values\[3\]: the value of 'load' is missing or infinite"),
        (changed(to="1.5"), 422, "is missing or not a number"),
        (changed(to=True), 422, "is missing or not a number"),
        (changed(to=1e300), 422, "too large"),
        (changed(to=10**400), 422, "too large"),
        (
            {"windows": [GOOD], "features": ["load", "presure"]},
            422,
            "unknown feature 'presure'. Did you mean",
        ),
        ({"windows": [GOOD], "features": ["load", "load"]}, 422, "feature 'load' is given twice"),
        ({"windows": [GOOD], "features": ["load"]}, 422, "feature 'pressure' is missing"),
        ({"windows": [GOOD], "features": "load"}, 422, "features must be a list of names"),
        ({"windows": [{**GOOD, "time": "yesterday"}]}, 422, r"windows\[0\].time must be a time such as"),
        ({"windows": [{**GOOD, "time": "0001-01-01T00:00:00"}]}, 422, "between the years 1700 and 2200"),
        ({"windows": [{**GOOD, "when": 1}]}, 422, "unknown key 'when'"),
        ({"windows": [GOOD], "\ud800": 1}, 422, "unknown key"),
        ({"windows": []}, 422, "windows must be a list of at least one"),
        ({"windows": [3]}, 422, r"windows\[0\] must be an object"),
        ([], 422, "The body must be an object"),
        ({"windows": [GOOD] * 9}, 413, "9 windows are more than the 8"),
    ],
)
def test_invalid_request_gets_an_error_that_names_the_fault(client, body, status, sentence):
    sent = json.dumps(body)
    answer = client.post("/v1/forecast", content=sent, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert re.search(sentence, answer.json()["error"])


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"no arrow", "not a valid Arrow stream"),
        (arrow_body([20], time=None), "needs a column 'time'"),
        (arrow_body([20], pressure=None), "feature 'pressure' is missing"),
        (arrow_body([20], more=np.zeros(LOOKBACK)), "unknown feature 'more'"),
        (arrow_body([20, 21], window=np.zeros(2 * LOOKBACK, int)), "Window 0 has 16 rows"),
        (arrow_body([20], load=np.full(LOOKBACK, np.nan)), r"window 0\[0\]: the value of 'load' is missing"),
        (arrow_body([20], load=["x"] * LOOKBACK), "which is not a number"),
        (arrow_body([20], time=TIME[0:16:2]), "must be 1 min apart"),
    ],
)
def test_invalid_arrow_stream_gets_an_error_that_names_the_fault(client, body, sentence):
    answer = client.post("/v1/forecast", content=body, headers={"Content-Type": ARROW})
    assert answer.status_code == 422
    assert re.search(sentence, answer.json()["error"])


def test_bodies_of_other_types_and_sizes_are_rejected(client):
    assert (
        client.post("/v1/forecast", content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415
    )
    assert client.post("/v1/forecast", content=b"{").status_code == 415
    large = client.post("/v1/forecast", content=b" " * 200_001, headers={"Content-Type": "application/json"})
    assert large.status_code == 413
    stream = (b" " * 50_000 for _ in range(5))  # without a Content-Length
    streamed = client.post("/v1/forecast", content=stream, headers={"Content-Type": "application/json"})
    assert streamed.status_code == 413
    broken = client.post("/v1/forecast", content=b"{", headers={"Content-Type": "application/json"})
    assert broken.json() == {"error": "The body is not valid JSON."}
    assert client.get("/nowhere").json() == {"error": "There is no such path: see /docs."}
    assert client.get("/v1/forecast").status_code == 405


def test_the_audit_log_is_for_administrators(registry):
    lines = "look read Zs7yN4uHj9aLe3Pd\nboss admin 2Fq0mK8c5rT1xWbV\n"
    with serving(registry, limits={"tokens": TokenSource(parse_tokens(lines, "tokens"))}) as client:
        look, boss = ({"Authorization": f"Bearer {line.split()[2]}"} for line in lines.splitlines())
        refused = client.get("/v1/audit", headers=look)
        assert (refused.status_code, refused.json()["error"]) == (
            403,
            "The token of look does not have the scope admin.",
        )
        entries = client.get("/v1/audit", headers=boss).json()["entries"]
        assert [entry["action"] for entry in entries] == ["add", "promote"]
        assert client.post("/v1/observe", headers=look, json={"rows": []}).status_code == 403


def test_a_client_that_asks_too_often_is_told_when_to_ask_again(registry):
    with serving(registry, limits={"per_minute": 3}) as client:
        answers = [client.get("/v1/models") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert answers[-1].headers["Retry-After"] == "20"


def test_token_is_required_if_one_is_set(registry):
    with serving(registry, limits={"tokens": TokenSource.fixed("secret")}) as client:
        for path in ("/v1/models", "/v1/live", "/metrics"):
            assert client.get(path).status_code == 401
            assert client.get(path, headers={"Authorization": "Bearer secreT"}).status_code == 401
            assert client.get(path, headers={"Authorization": "Bearer secret"}).status_code == 200
        for path in ("/v1/forecast/latest", "/v1/events"):
            assert client.get(path).status_code == 401
        refused = ask(client, GOOD)
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"] == "Bearer"
        for path in ("/", "/docs", "/openapi.json", "/healthz", "/readyz"):
            assert client.get(path).status_code == 200


class Slow:
    """Holds every forecast back until the gate opens."""

    def __init__(self, client):
        self.manager, self.gate = client.service.manager, threading.Event()
        self.predictor = self.manager.active.predictor
        self.metadata = self.predictor.metadata

    def __enter__(self):
        self.manager.active.predictor = self
        return self

    def __exit__(self, *error):
        self.gate.set()
        self.manager.active.predictor = self.predictor

    def __call__(self, past):
        self.gate.wait(10)
        return self.predictor(past)


def test_full_queue_answers_429_with_the_time_to_wait(registry):
    with serving(registry, queue=8) as client, Slow(client) as slow:
        answers = []

        def send():
            answers.append(ask(client, *[GOOD] * 4).status_code)

        threads = [threading.Thread(target=send) for _ in range(3)]
        for number, thread in enumerate(threads):  # one batch of four in hand, eight waiting
            thread.start()
            end = time.monotonic() + 5
            while client.service.batcher.waiting != 4 * number and time.monotonic() < end:
                time.sleep(0.005)
        refused = ask(client, GOOD)
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) >= 1
        slow.gate.set()
        for thread in threads:
            thread.join()
        assert answers == [200, 200, 200]
        assert (
            'tsforecast_requests_total{path="/v1/forecast",status="429"} 1.0' in client.get("/metrics").text
        )


def test_slow_forecast_times_out(registry):
    with serving(registry, limits={"seconds": 0.2}) as client, Slow(client):
        answer = ask(client, GOOD)
        assert answer.status_code == 503
        assert "No forecast within 0.2 s" in answer.json()["error"]
        assert "Retry-After" in answer.headers


def test_service_is_healthy_but_not_ready_before_a_model_is_loaded(tmp_path):
    registry = register(tmp_path, make_model())
    champion = registry.champion()
    champion.model.chmod(0o644)
    champion.model.write_bytes(b"broken")
    with serving(registry, ready=False) as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 503
        assert client.get("/v1/live").status_code == 503
        answer = ask(client, GOOD)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]


def test_no_request_fails_while_the_champion_changes(tmp_path):
    registry = register(tmp_path, make_model(bias=0.0), make_model(bias=1.0))
    registry.promote("v0001", "the first one")
    with serving(registry) as client:
        answers, ended = [], threading.Event()

        def keep_asking():
            while not ended.is_set():
                answer = ask(client, GOOD)
                answers.append((answer.status_code, answer.json()))

        threads = [threading.Thread(target=keep_asking) for _ in range(3)]
        for thread in threads:
            thread.start()
        registry.promote("v0002", "better")
        end = time.monotonic() + 30
        while client.get("/readyz").json()["version"] != "v0002" and time.monotonic() < end:
            time.sleep(0.02)
        registry.rollback("worse")
        while client.get("/readyz").json()["version"] != "v0001" and time.monotonic() < end:
            time.sleep(0.02)
        ended.set()
        for thread in threads:
            thread.join()
    assert {status for status, _ in answers} == {200}
    last = COLUMNS["load"][20]
    for _, answer in answers:  # each answer comes from one version as a whole
        bias = {"v0001": 0.0, "v0002": 1.0}[answer["version"]]
        assert answer["forecasts"][0]["forecast"]["load"] == pytest.approx([last + bias] * HORIZON, abs=1e-4)
    assert {answer["version"] for _, answer in answers} == {"v0001", "v0002"}


def test_old_champion_stays_in_service_if_the_new_one_cannot_be_loaded(tmp_path, capsys):
    registry = register(tmp_path, make_model(bias=0.0))
    (tmp_path / "bad.keras").write_bytes(b"no model")
    bad = registry.add(tmp_path / "bad.keras", config="", result={}, lineage={})
    with serving(registry) as client:
        registry.promote(bad.name, "by mistake")
        end = time.monotonic() + 20
        while client.get("/v1/models").json()["trouble"] is None and time.monotonic() < end:
            time.sleep(0.02)
        models = client.get("/v1/models").json()
        assert (models["champion"], models["serving"]) == ("v0002", "v0001")
        assert "v0002 is not in service" in models["trouble"]
        assert ask(client, GOOD).status_code == 200
        assert 'tsforecast_champion_changes_total{done="false"} 1.0' in client.get("/metrics").text
    assert capsys.readouterr().err.count("v0002 is not in service") == 1


@pytest.mark.parametrize("name", ["champion.json", "versions/v0001/manifest.json"])
def test_damaged_records_of_the_registry_are_reported_and_the_model_stays_in_service(tmp_path, name):
    registry = register(tmp_path, make_model(bias=0.0))
    with serving(registry) as client:
        file = registry.path / name
        content = file.read_bytes()
        file.chmod(0o644)
        file.write_bytes(content[:20])
        models = client.get("/v1/models").json()
        assert models["serving"] == "v0001"
        assert f"{name.rpartition('/')[2]} is damaged" in models["trouble"]
        assert client.get("/v1/live").status_code == 200
        assert ask(client, GOOD).status_code == 200
        file.write_bytes(content)
        assert client.get("/v1/live").json()["promoted"] == registry.moves()[-1]["at"]


def test_truths_are_matched_and_adapt_the_intervals_also_after_a_restart(tmp_path):
    registry, journal = register(tmp_path, make_model(bias=0.25)), tmp_path / "journal.db"
    with serving(registry, journal=journal) as client:
        for end in range(LOOKBACK, 150):
            assert ask(client, window_json(TIME, COLUMNS, end)).status_code == 200
            row = {"time": str(TIME[end]), "values": {"load": COLUMNS["load"][end], "pressure": 1.0}}
            observed = client.post("/v1/observe", json={"rows": [row]}).json()
        assert observed["matched"] == HORIZON
        assert observed["intervals"]["truths"] > 150
        assert 0.8 < observed["intervals"]["observed"] <= 1
        again = client.post("/v1/observe", json={"rows": [row]}).json()
        assert again["matched"] == 0
        live = client.get("/v1/live").json()
        point = next(p for p in live["points"] if p["truth"] is not None and p["lower"] is not None)
        row = int((np.datetime64(point["time"], "s") - TIME[0]).astype(int) // 60)
        assert point["truth"] == COLUMNS["load"][row]
        assert point["forecast"] == pytest.approx(
            COLUMNS["load"][row - LEAD - point["step"]] + 0.25, abs=1e-4
        )
        metrics = client.get("/metrics").text
        assert 'tsforecast_interval_coverage{kind="nominal"} 0.9' in metrics
        assert "tsforecast_truths_total" in metrics
    with serving(registry, journal=journal) as client:
        after = client.get("/v1/live").json()
        assert after["intervals"] == live["intervals"]
        assert after["points"] == live["points"]


def test_rise_over_the_threshold_raises_an_alarm(tmp_path):
    with serving(register(tmp_path, make_model(bias=1.5))) as client:
        ask(client, GOOD)
        ask(client, GOOD)  # the same request again does not raise a second alarm
        assert [point["alarm"] for point in client.get("/v1/live").json()["points"]] == [True] * HORIZON
        assert f"tsforecast_spike_alarms_total {HORIZON}.0" in client.get("/metrics").text


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([], "rows must be a list of at least one"),
        ([{"time": "2024-01-01T00:00:00", "values": {}}], "must be an object such as"),
        (
            [{"time": "2024-01-01T00:00:00", "values": {"lod": 1}}],
            "unknown feature 'lod'. Did you mean 'load'",
        ),
        ([{"time": "2024-01-01T00:00:00", "values": {"load": None}}], "is not a finite number"),
        ([{"time": "2024-01-01T00:00:00", "values": {"load": 10**400}}], "is not a finite number"),
        ([{"time": 5, "values": {"load": 1}}], r"rows\[0\].time must be a time"),
    ],
)
def test_invalid_truths_are_rejected(client, rows, sentence):
    answer = client.post("/v1/observe", json={"rows": rows})
    assert answer.status_code == 422
    assert re.search(sentence, answer.json()["error"])


def test_calibrated_version_gives_intervals_from_the_first_forecast(tmp_path):
    start = AdaptiveIntervals(HORIZON, 1, coverage=0.9, rate=0.01, memory=100)
    errors = np.repeat(np.linspace(-1, 1, 99), HORIZON).reshape(-1, HORIZON, 1)
    start.calibrate(np.zeros_like(errors), np.zeros_like(errors), errors)
    make_model(bias=0.0).save(tmp_path / "model.keras")
    from tsforecast.registry import Registry

    registry = Registry(tmp_path / "registry")
    extra = {"calibration.npz": start.to_bytes()}
    version = registry.add(tmp_path / "model.keras", config="", result={}, lineage={}, extra=extra)
    registry.promote(version.name, "test")
    with serving(registry) as client:
        one = ask(client, GOOD).json()["forecasts"][0]
        value = one["forecast"]["load"][0]
        assert one["lower"]["load"][0] == pytest.approx(value - 0.92, abs=0.03)
        assert one["upper"]["load"][0] == pytest.approx(value + 0.92, abs=0.03)


def test_pages_load_nothing_from_elsewhere(client):
    for path in ("/", "/docs"):
        answer = client.get(path)
        assert answer.headers["content-type"].startswith("text/html")
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        text = answer.text
        assert "/*" + "script*/" not in text
        for outside in ("src=", "@import", "url(http", 'href="http'):
            assert outside not in text
