"""Many series whose times number steps are served by the numbers: in JSON, Arrow and CSV."""

import io

import numpy as np
import pyarrow as pa
import pytest

from tests.helpers.monitoring_case import make_options
from tests.helpers.service_client import serving
from tests.helpers.serving_case import (
    HORIZON,
    LEAD,
    LEVELS,
    LOOKBACK,
    make_numbered_model,
    make_rows,
    register,
)
from tsforecast.serving.responses import ARROW

_, COLUMNS = make_rows(60)
FIRST = {"north": 701, "south": 1}  # the series are of unequal length


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    return register(tmp_path_factory.mktemp("numbered"), make_numbered_model())


def values_of(name, row):
    shift, width = LEVELS[name]
    return {"load": float(shift + width * COLUMNS["load"][row]), "pressure": float(COLUMNS["pressure"][row])}


def rows_json(rows, *names):
    return [
        {"series": name, "time": FIRST[name] + row, "values": values_of(name, row)}
        for row in rows
        for name in names
    ]


def send(client, rows, *names):
    answer = client.post("/v1/rows", json={"rows": rows_json(rows, *names)})
    assert answer.status_code == 200, answer.text
    return answer.json()


def window(name, end):
    rows = range(end - LOOKBACK + 1, end + 1)
    values = [list(values_of(name, row).values()) for row in rows]
    return {"series": name, "time": FIRST[name] + end, "values": values}


def test_rows_and_windows_have_the_numbers_of_steps_and_so_do_forecasts(registry):
    with serving(registry) as client, serving(registry) as other:
        answer = send(client, range(LOOKBACK), "north", "south")
        by_series = {item["series"]: item for item in answer["forecasts"]}
        for name, first in FIRST.items():
            last = first + LOOKBACK - 1
            assert by_series[name]["made_at"] == last
            assert by_series[name]["times"] == [last + LEAD + step for step in range(HORIZON)]
        windows = {"windows": [window(name, LOOKBACK - 1) for name in FIRST]}
        asked = other.post("/v1/forecast", json=windows)
        assert asked.json()["forecasts"] == answer["forecasts"]
        assert client.get("/v1/models").json()["input"]["numbers_steps"] is True


def test_truths_are_matched_by_their_numbers_and_monitored(registry):
    with serving(registry, alarms=make_options()) as client:
        send(client, range(LOOKBACK + 4), "north", "south")
        truth = {"series": "south", "time": FIRST["south"] + LOOKBACK + 3 + LEAD, "values": {"load": 117.0}}
        assert client.post("/v1/observe", json={"rows": [truth]}).json()["matched"] == HORIZON
        answer = send(client, range(LOOKBACK + 4, LOOKBACK + 14), "north", "south")
        assert answer["matched"] > HORIZON
        live = client.get("/v1/live?series=north").json()
        assert live["numbers_steps"] is True
        assert max(point["time"] for point in live["points"]) % live["step_seconds"] == 0


def test_arrow_and_csv_have_a_column_of_numbers(registry):
    rows = [
        {"meter": name, "hour": FIRST[name] + row, **values_of(name, row)}
        for row in range(LOOKBACK)
        for name in FIRST
    ]
    table = pa.Table.from_pylist(rows)
    lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
    with serving(registry) as client, serving(registry) as other:
        sent = client.post("/v1/rows", content=to_stream(table), headers={"Content-Type": ARROW})
        assert sent.status_code == 200, sent.text
        text = "\n".join(lines).encode()
        again = other.post("/v1/rows", content=text, headers={"Content-Type": "text/csv"})
        assert again.json()["forecasts"] == sent.json()["forecasts"]
        windows = table.sort_by([("meter", "ascending"), ("hour", "ascending")])
        windows = windows.rename_columns(["meter", "time", "load", "pressure"])
        windows = windows.append_column("window", pa.array(np.repeat([0, 1], LOOKBACK)))
        headers = {"Content-Type": ARROW, "Accept": ARROW}
        answer = client.post("/v1/forecast", content=to_stream(windows), headers=headers)
        assert answer.status_code == 200, answer.text
        forecasts = pa.ipc.open_stream(answer.content).read_all()
        last = FIRST["north"] + LOOKBACK - 1
        assert forecasts["made_at"].to_pylist()[:HORIZON] == [last] * HORIZON
        assert forecasts["time"].to_pylist()[:HORIZON] == [last + LEAD + step for step in range(HORIZON)]


def to_stream(table):
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("time", "words"),
    [
        ("2024-01-01T00:00:00", "rows[0].time must be the number of a step, such as 743."),
        (7.5, "rows[0].time must be a time such as"),
        (True, "rows[0].time must be a time such as"),
    ],
)
def test_times_of_a_clock_are_refused(registry, time, words):
    with serving(registry) as client:
        row = {**rows_json([0], "north")[0], "time": time}
        for path in ("/v1/rows", "/v1/observe"):
            answer = client.post(path, json={"rows": [row]})
            assert (answer.status_code, words in answer.json()["error"]) == (422, True), answer.text


def test_numbers_that_are_too_large_and_timestamps_are_refused(registry):
    with serving(registry) as client:
        body = {"windows": [{**window("north", LOOKBACK), "time": 10**12}]}
        answer = client.post("/v1/forecast", json=body)
        assert answer.json()["error"].startswith("windows[0].time must be the number of a step, at most")
        times = pa.array(np.arange(LOOKBACK).astype("datetime64[s]"))
        table = pa.table({"meter": ["north"] * LOOKBACK, "time": times, "load": [1.0] * LOOKBACK})
        table = table.append_column("pressure", pa.array([1.0] * LOOKBACK))
        answer = client.post("/v1/forecast", content=to_stream(table), headers={"Content-Type": ARROW})
        assert answer.json()["error"] == "The Arrow table needs a column 'time' of integers."


def test_the_look_back_of_each_series_survives_a_restart(registry, tmp_path):
    path = tmp_path / "journal.db"
    with serving(registry, journal=path) as client:
        send(client, range(LOOKBACK + 3), "north", "south")
    with serving(registry, journal=path) as client:
        answer = send(client, [LOOKBACK + 3], "north", "south")
        assert [(item["series"], item["made_at"]) for item in answer["forecasts"]] == [
            (name, first + LOOKBACK + 3) for name, first in FIRST.items()
        ]
