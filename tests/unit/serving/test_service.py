"""A model of many series in service: ids in requests and rows, a look-back and intervals for each, cold starts."""

import io

import numpy as np
import pyarrow as pa
import pytest

from tests.helpers.service_client import serving
from tests.helpers.serving_case import (
    HORIZON,
    LEAD,
    LEVELS,
    LOOKBACK,
    make_model,
    make_panel_model,
    make_rows,
    register,
    window_json,
)
from tsforecast.registry import Registry
from tsforecast.serving.responses import ARROW

TIME, COLUMNS = make_rows(120)
KEPT = "journal.db"


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    return register(tmp_path_factory.mktemp("panel"), make_panel_model(), make_panel_model(bias=0.5))


def values_of(name):
    """The columns of a series: the same wave, at the level of the series."""
    shift, width = LEVELS.get(name, (-5000.0, 300.0))
    return {"load": shift + width * COLUMNS["load"], "pressure": COLUMNS["pressure"]}


def rows_json(rows, *names):
    return [
        {
            "series": name,
            "time": str(TIME[row]),
            "values": {key: float(values_of(name)[key][row]) for key in COLUMNS},
        }
        for row in rows
        for name in names
    ]


def send(client, rows, *names):
    answer = client.post("/v1/rows", json={"rows": rows_json(rows, *names)})
    assert answer.status_code == 200, answer.text
    return answer.json()


def windows_json(ends, *names):
    return [{"series": name, **window_json(TIME, values_of(name), end)} for end in ends for name in names]


def post_windows(client, ends, *names):
    answer = client.post("/v1/forecast", json={"windows": windows_json(ends, *names)})
    assert answer.status_code == 200, answer.text
    return answer.json()["forecasts"]


def by_series(forecasts):
    return {
        name: [item for item in forecasts if item["series"] == name] for name in ("north", "south", "new")
    }


def test_each_window_is_forecast_in_the_unit_of_its_series(registry):
    with serving(registry) as client:
        found = by_series(post_windows(client, [20, 21], "north", "south"))
        for name in LEVELS:
            for item, end in zip(found[name], (20, 21), strict=True):
                expected = values_of(name)["load"][end] + 0.5 * LEVELS[name][1]
                assert item["forecast"]["load"] == pytest.approx([expected] * HORIZON, rel=1e-5)


def test_rows_give_the_forecasts_of_windows_and_each_series_its_own_look_back(registry):
    with serving(registry) as client, serving(registry) as other:
        first = send(client, range(LOOKBACK - 1), "north", "south")
        assert first["forecasts"] == []
        assert first["notes"][0].startswith(
            "1 more row is needed before the first forecast of 'north' (1 more series"
        )
        answer = send(client, [LOOKBACK - 1], "north")
        assert answer["forecasts"] == post_windows(other, [LOOKBACK - 1], "north")
        later = send(client, [LOOKBACK - 1, LOOKBACK], "south")
        assert by_series(later["forecasts"])["south"] == post_windows(
            other, [LOOKBACK - 1, LOOKBACK], "south"
        )
        assert client.get("/v1/forecast/latest?series=north").json()["forecasts"] == answer["forecasts"]
        assert client.get("/v1/forecast/latest").json()["forecasts"] == later["forecasts"][-1:]


def test_an_unseen_series_is_forecast_from_its_first_full_window(registry):
    with serving(registry) as client:
        assert send(client, range(LOOKBACK - 1), "new")["forecasts"] == []
        (forecast,) = send(client, [LOOKBACK - 1], "new")["forecasts"]
        window = values_of("new")["load"][:LOOKBACK]
        expected = window[-1] + 0.5 * window.std()
        assert forecast["forecast"]["load"] == pytest.approx([expected] * HORIZON, rel=1e-4)


def test_each_series_learns_from_its_own_truths(registry):
    with serving(registry) as client:
        answer = send(client, range(60), "north")
        assert answer["intervals"]["truths"] == 0  # all forecasts were made after the truths were known
        for row in range(60, 110):
            answer = send(client, [row], "north")
        assert answer["matched"] == HORIZON
        send(client, range(20), "south")
        live = {name: client.get(f"/v1/live?series={name}").json() for name in LEVELS}
        assert live["north"]["intervals"]["truths"] > 20
        assert live["south"]["intervals"]["truths"] == 0
        assert live["south"]["series"] == ["north", "south"]
        assert live["south"]["shown"] == "south"
        assert min(point["forecast"] for point in live["south"]["points"]) > 50
        truth = {"series": "south", "time": str(TIME[19 + LEAD]), "values": {"load": 117.0}}
        observed = client.post("/v1/observe", json={"rows": [truth]}).json()
        assert observed["matched"] == HORIZON  # made at rows 18 and 19


def test_everything_learned_survives_a_restart_to_the_last_digit(registry, tmp_path):
    names, path = ("north", "new", "south"), tmp_path / KEPT
    with serving(registry) as whole, serving(registry, journal=path) as client:
        for row in range(45):
            some = names if row < LOOKBACK else names[:2]  # no truth of the third matches a forecast
            send(whole, [row], *some)
            send(client, [row], *some)
        live = {name: client.get(f"/v1/live?series={name}").json() for name in names}
        latest = client.get("/v1/forecast/latest?series=new").json()
        client.service.learner.journal.flush()
        with serving(registry, journal=copy(path)) as again:  # of what is on the disk after a kill
            assert {name: again.get(f"/v1/live?series={name}").json() for name in names} == live
            assert again.get("/v1/forecast/latest?series=new").json() == latest
            for row in range(45, 60):
                assert send(again, [row], *names) == send(whole, [row], *names)


def copy(path):
    import sqlite3

    target = path.with_name("copy.db")
    with sqlite3.connect(path) as source, sqlite3.connect(target) as destination:
        source.backup(destination)
    return target


def test_a_restarted_service_knows_a_series_that_has_no_full_window_yet(registry, tmp_path):
    path = tmp_path / KEPT
    with serving(registry, journal=path) as client:
        send(client, range(LOOKBACK - 2), "new")
    with serving(registry, journal=path) as client, serving(registry) as other:
        send(other, range(LOOKBACK - 1), "new")
        send(client, [LOOKBACK - 2], "new")
        assert (
            send(client, [LOOKBACK - 1], "new")["forecasts"]
            == send(other, [LOOKBACK - 1], "new")["forecasts"]
        )


def test_a_new_champion_continues_from_the_rows_of_each_series(registry, tmp_path):
    path, champions = tmp_path / KEPT, Registry(registry.path)
    with serving(registry, journal=path) as client:
        send(client, range(30), "north", "new")
        try:
            champions.promote("v0001", "test")
            wait_for(client, "v0001")
            answer = send(client, [30], "north", "new")
        finally:
            champions.promote("v0002", "test")
        assert [item["series"] for item in answer["forecasts"]][-2:] == ["north", "new"]
        window = values_of("new")["load"][30 - LOOKBACK + 1 : 31]
        assert answer["forecasts"][-1]["forecast"]["load"] == pytest.approx([window[-1]] * HORIZON, rel=1e-4)


def wait_for(client, version):
    import time

    end = time.monotonic() + 20
    while client.get("/readyz").json()["version"] != version and time.monotonic() < end:
        time.sleep(0.02)


def test_rows_of_one_request_are_added_together_or_not_at_all(registry):
    with serving(registry) as client:
        send(client, range(LOOKBACK), "north", "new")
        (wrong,) = rows_json([LOOKBACK], "new")
        bad = [*rows_json([LOOKBACK], "north"), {**wrong, "values": {"load": 1e30, "pressure": 1.0}}]
        assert client.post("/v1/rows", json={"rows": bad}).status_code == 422
        answer = send(client, [LOOKBACK], "north")
        assert len(answer["forecasts"]) == 1


def test_arrow_and_csv_carry_the_names_in_a_column(registry):
    frame = {"series": ["north", "south"] * 8, "time": np.repeat(TIME[:8], 2).astype("datetime64[us]")}
    frame |= {"load": [values_of(name)["load"][i // 2] for i, name in enumerate(frame["series"])]}
    table = pa.table(frame | {"pressure": np.repeat(COLUMNS["pressure"][:8], 2)})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    text = "series,time,load,pressure\n" + "".join(
        f"{row['series']},{row['time'].isoformat()},{row['load']!r},{row['pressure']!r}\n"
        for row in table.to_pylist()
    )
    with serving(registry) as client, serving(registry) as other:
        sent = client.post("/v1/rows", content=sink.getvalue(), headers={"Content-Type": ARROW})
        assert [item["series"] for item in sent.json()["forecasts"]] == ["north", "south"]
        again = other.post("/v1/rows", content=text.encode(), headers={"Content-Type": "text/csv"})
        assert again.json()["forecasts"] == sent.json()["forecasts"]
        windows = table.sort_by([("series", "ascending"), ("time", "ascending")])
        windows = windows.append_column("window", pa.array([0] * 8 + [1] * 8))
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, windows.schema) as stream:
            stream.write_table(windows)
        headers = {"Content-Type": ARROW, "Accept": ARROW}
        answer = client.post("/v1/forecast", content=sink.getvalue(), headers=headers)
        forecasts = pa.ipc.open_stream(answer.content).read_all()
        assert forecasts["series"].to_pylist() == ["north"] * HORIZON + ["south"] * HORIZON


def test_more_series_than_there_may_be_are_refused_in_one_sentence(registry):
    with serving(registry, max_series=2) as client:
        send(client, [0], "north")
        answer = client.post("/v1/rows", json={"rows": rows_json([1], "south", "new", "third")})
        assert answer.status_code == 422
        assert "3 series are new" in answer.json()["error"]
        assert "more than serve.max_series=2" in answer.json()["error"]
        send(client, [1], "north", "south")
        windows = {"windows": windows_json([20], "new")}
        assert client.post("/v1/forecast", json=windows).status_code == 422


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/v1/forecast", {"windows": [window_json(TIME, COLUMNS, 20)]}, "windows[0].series must be the name"),
        (
            "/v1/rows",
            {"rows": [{"time": str(TIME[0]), "values": {"load": 1.0}}]},
            "rows[0].values must be the name",
        ),
        (
            "/v1/observe",
            {"rows": [{"series": None, "time": str(TIME[0]), "values": {"load": 1.0}}]},
            "rows[0].series must be the name of a series (series): a text.",
        ),
    ],
)
def test_rows_without_a_name_are_refused(registry, path, body, words):
    with serving(registry) as client:
        answer = client.post(path, json=body)
        assert answer.status_code == 422
        assert words in answer.json()["error"]


def test_unknown_names_and_names_of_one_series_are_not_found(registry, tmp_path):
    with serving(registry) as client:
        send(client, range(LOOKBACK), "north")
        answer = client.get("/v1/forecast/latest?series=nort")
        assert (answer.status_code, "'north'" in answer.json()["error"]) == (404, True)
    with serving(register(tmp_path, make_model())) as client:
        answer = client.get("/v1/live?series=north")
        assert (answer.status_code, answer.json()["error"]) == (
            404,
            "v0001 forecasts one series: leave series out.",
        )
