"""The rows of a feed are stored with its position, forecast from, and retried."""

import sqlite3
import time
from functools import partial

import numpy as np
import pytest

from tests.helpers.service_client import create_client, make_service
from tests.helpers.serving_case import make_model, make_panel_model, make_rows, register
from tsforecast.feeds.batch import Batch
from tsforecast.feeds.opening import open_feed
from tsforecast.serving.batching import QueueFull

TIME, COLUMNS = make_rows(200)
MAX_WINDOWS = 8  # of the service of these tests: the first rows allow more


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    return register(tmp_path_factory.mktemp("feed"), make_model(bias=0.25))


def lines(rows, **changes):
    columns = {**COLUMNS, **changes}
    return "".join(f"{TIME[row]},{columns['load'][row]},{columns['pressure'][row]}\n" for row in rows)


def serve(registry, path, journal):
    """Return a service that follows a file."""
    service = make_service(registry, journal=journal)
    service.follow(partial(open_feed, str(path), None), str(path), 0.02)
    return service


def wait_for_rows(service, count):
    end = time.monotonic() + 20
    while service.telemetry.registry.get_sample_value("tsforecast_rows_total") < count:
        assert time.monotonic() < end
        time.sleep(0.02)
    time.sleep(0.1)  # for the forecasts


def append(path, text):
    with open(path, "a") as file:
        file.write(text)


def test_a_followed_file_is_forecast_from_and_no_row_is_lost_or_repeated_by_a_restart(registry, tmp_path):
    path, journal = tmp_path / "rows.csv", tmp_path / "journal.db"
    path.write_text("time,load,pressure\n" + lines(range(20)))
    with create_client(serve(registry, path, journal)) as client:
        wait_for_rows(client.service, 20)
        assert client.get("/v1/forecast/latest").json()["forecasts"][0]["made_at"] == str(TIME[19])
        append(path, lines([20, 21]))
        wait_for_rows(client.service, 22)
    append(path, lines([22]))
    with create_client(serve(registry, path, journal)) as client:
        wait_for_rows(client.service, 1)
        latest = client.get("/v1/forecast/latest").json()["forecasts"][0]
        assert latest["made_at"] == str(TIME[22])
        assert latest["forecast"]["load"][0] == pytest.approx(COLUMNS["load"][22] + 0.25, abs=1e-4)
        assert (
            client.get("/v1/live").json()["intervals"]["truths"] == 0
        )  # fewer errors than an interval needs
    with sqlite3.connect(journal) as connection:
        times = [time for (time,) in connection.execute("SELECT time FROM rows ORDER BY id")]
        assert times == TIME[:23].astype("datetime64[ns]").astype(np.int64).tolist()
        made = [time for (time,) in connection.execute("SELECT made_at FROM forecasts ORDER BY id")]
    assert made == TIME[20 - MAX_WINDOWS : 23].astype(np.int64).tolist()


def test_rows_that_do_not_fit_are_left_out(registry, tmp_path, capsys):
    path = tmp_path / "rows.csv"
    load = COLUMNS["load"].copy()
    load[9] = 1e300
    path.write_text("time,load,pressure\n" + lines(range(12), load=load))
    with create_client(serve(registry, path, tmp_path / "journal.db")) as client:
        wait_for_rows(client.service, 11)
        assert client.service.telemetry.registry.get_sample_value("tsforecast_feed_problems_total") == 1
        assert client.get("/v1/forecast/latest").json()["forecasts"][0]["made_at"] == str(TIME[11])
    assert "A row was left out: 'load' is 1e+300 at 2024-01-01T00:09:00" in capsys.readouterr().err


def test_forecasts_that_found_no_room_are_made_later(registry, tmp_path, monkeypatch):
    path = tmp_path / "rows.csv"
    path.write_text("time,load,pressure\n" + lines(range(10)))
    service = serve(registry, path, tmp_path / "journal.db")
    forecast, refused = service.batcher.forecast, []

    async def refuse_once(predictor, past, series=()):
        if not refused:
            refused.append(len(past))
            raise QueueFull(0)
        return await forecast(predictor, past, series)

    monkeypatch.setattr(service.batcher, "forecast", refuse_once)
    with create_client(service) as client:
        wait_for_rows(service, 10)
        assert refused == [3]
        assert len(client.get("/v1/live").json()["points"]) == 3 * 2


class Repeating:
    """A feed that delivers the same rows twice, as a broker does after a lost acknowledgment."""

    def __init__(self, position):
        self.polls = 0

    def poll(self, reader):
        self.polls += 1
        if self.polls > 2:
            return None
        records = reader.read_csv(("time,load,pressure\n" + lines(range(9 + self.polls))).encode()).records
        return Batch(records, may_repeat=self.polls > 1)

    def confirm(self, batch):
        pass

    def close(self):
        pass


def test_rows_that_are_delivered_again_are_stored_once(registry, tmp_path):
    service = make_service(registry, journal=tmp_path / "journal.db")
    service.follow(Repeating, "repeating", 0.02)
    with create_client(service):
        wait_for_rows(service, 11)
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        times = [time for (time,) in connection.execute("SELECT time FROM rows ORDER BY id")]
    assert times == TIME[:11].astype("datetime64[ns]").astype(np.int64).tolist()


def test_a_followed_file_has_rows_of_many_series(tmp_path):
    path = tmp_path / "rows.csv"

    def rows_of(rows):
        return "".join(f"{name},{line}" for line in lines(rows).splitlines(True) for name in ("north", "new"))

    path.write_text("series,time,load,pressure\n" + rows_of(range(20)))
    service = serve(register(tmp_path, make_panel_model(bias=0.5)), path, tmp_path / "journal.db")
    with create_client(service) as client:
        wait_for_rows(client.service, 40)
        append(path, rows_of([20]))
        wait_for_rows(client.service, 42)
        for name in ("north", "new"):
            latest = client.get(f"/v1/forecast/latest?series={name}").json()["forecasts"][0]
            assert (latest["series"], latest["made_at"]) == (name, str(TIME[20]))
