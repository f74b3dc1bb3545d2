"""From a run to the service: promoted, forecast from a file, asked over HTTP, looked at in a browser, stopped."""

import http.client
import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from benchmarks.fuzz import Fuzzer
from tests.helpers.command_runs import finish, read_result, run_chain, start
from tests.helpers.service_client import serving
from tsforecast.data.sources.household_power import load
from tsforecast.inference.options import IntervalOptions
from tsforecast.registry import Registry

pytestmark = pytest.mark.slow

LOOKBACK, LEAD = 20, 10
DEFAULT_INTERVALS = IntervalOptions(coverage=0.9, rate=0.005, memory=1000)
TINY = [
    "model=nlinear",
    "scale=tiny",
    "training=quick",
    "tracker=none",
    f"window.lookback={LOOKBACK}",
    "training.warmup_steps=5",
]
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    return tmp_path_factory.mktemp("serving")


@pytest.fixture(scope="module")
def chain(here, series):
    """A run trained, promoted, and asked for forecasts of the rows that it was trained and tested on."""
    measured = {name: series.values[:, i].astype(float) for i, name in enumerate(series.features[:7])}
    columns = {name: pa.array(values, from_pandas=True) for name, values in measured.items()}
    pyarrow.csv.write_csv(pa.table({"time": series.time, **columns}), here / "rows.csv")
    commands = [*TINY, "hydra.run.dir=run", "--", "job=promote", "run=run"]
    commands += ["--", "job=predict", "predict.data=rows.csv", "predict.out=out.parquet"]
    commands += ["--", "job=export", "run=run", "format=saved_model", "export.windows=5"]
    done = run_chain(*commands, cwd=here)
    assert done.code == 0, done.err
    return done


@pytest.fixture(scope="module")
def series():
    return load(rows=6000)


def start_service(here, *options):
    """Start the service; return its process and its address once it is warm."""
    process = start("job=serve", "serve.port=0", "serve.poll_seconds=0.1", *options, cwd=here)
    url = process.stdout.readline().split()[0].rstrip("/")
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/readyz")
            break
        except urllib.error.HTTPError:
            time.sleep(0.1)
    return process, url


def kill(process):
    """Kill the service as ``kill -9`` does."""
    if process.poll() is None:
        process.kill()
    process.communicate()


@pytest.fixture(scope="module")
def service(chain, here):
    """The running service and its address."""
    process, url = start_service(here)
    yield process, url
    kill(process)


def post(url, path, body):
    request = urllib.request.Request(
        url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    return json.loads(urllib.request.urlopen(request).read())


def test_run_is_exported_with_its_comparison_table(chain, here):
    export = json.loads((here / "run/export.json").read_text())
    original, exported = export["rows"]
    assert (original["model"], exported["model"]) == ("original (run)", "SavedModel")
    assert exported["difference"] < 1e-3
    assert exported["rmse"] == pytest.approx(original["rmse"], rel=1e-4)
    assert (here / "run" / exported["file"] / "saved_model.pb").is_file()
    assert export["interface"]["input"]["shape"] == ["windows", LOOKBACK, 12]
    assert "| SavedModel | export/saved_model |" in (here / "run/export.md").read_text()


def test_promoted_run_becomes_the_champion(chain, here):
    assert "v0001 (nlinear) is the champion." in chain.out.splitlines()
    version = here / "outputs/registry/versions/v0001"
    assert (version / "model.keras").read_bytes() == (here / "run/best.keras").read_bytes()
    manifest = json.loads((version / "manifest.json").read_text())
    assert manifest["metrics"] == read_result(here / "run")["metrics"]
    assert manifest["lineage"] == {"run": str((here / "run").resolve()), "parent": None}
    assert set(manifest["files"]) == {
        "model.keras",
        "config.yaml",
        "result.json",
        "calibration.npz",
        "monitoring.json",
    }


@pytest.fixture(scope="module")
def forecasts(chain, here):
    return pq.read_table(here / "out.parquet")


def test_forecasts_of_a_file_have_the_error_that_the_run_reported(forecasts, here, series):
    power = dict(zip(series.time.tolist(), series.column("global_active_power").tolist(), strict=True))
    first_test = series.time[int(6000 * 0.85)].item()
    rows = [row for row in forecasts.to_pylist() if row["time"] >= first_test and row["time"] in power]
    errors = np.array([row["forecast"] - power[row["time"]] for row in rows])
    assert len(rows) == 900
    assert np.sqrt(np.nanmean(errors**2)) == pytest.approx(
        read_result(here / "run")["metrics"]["test/rmse"], rel=1e-5
    )


def test_intervals_of_a_file_cover_what_they_should(chain, forecasts):
    assert forecasts.column_names == ["made_at", "time", "target", "forecast", "lower", "upper"]
    assert forecasts["lower"].null_count == 0
    covered = float(
        re.search(r"([\d.]+)% of [\d,]+ truths fell inside their intervals \(nominal 90%\)", chain.out)[1]
    )
    assert 87 < covered < 93


def window_at(series, end):
    rows = slice(end - LOOKBACK + 1, end + 1)
    return {"time": str(series.time[end]), "values": series.values[rows, :7].astype(float).tolist()}


def test_service_forecasts_equal_those_of_the_file(service, series, forecasts):
    _, url = service
    expected = dict(zip(forecasts["made_at"].to_pylist(), forecasts["forecast"].to_pylist(), strict=True))
    ends = [30, 31, 500]
    answer = post(url, "/v1/forecast", {"windows": [window_at(series, end) for end in ends]})
    forecast = [item["forecast"]["global_active_power"][0] for item in answer["forecasts"]]
    assert forecast == pytest.approx([expected[series.time[end].item()] for end in ends], abs=1e-4)


def test_generated_requests_find_no_fault(service, series, tmp_path):
    """No request causes a server error, and every answer follows the OpenAPI document."""
    _, url = service
    live_through(url, series, 40)  # before the first forecast the latest one is a 503
    command = [
        sys.executable,
        "-m",
        "schemathesis.cli",
        "run",
        f"{url}/openapi.json",
        "--phases=fuzzing",
        "-n",
        "12",
    ]
    # A body can match the schema and still not fit the model's window, so some valid bodies are rejected.
    command += ["--exclude-checks=positive_data_acceptance", "--seed=1", "--no-color", "--warnings=off"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout
    assert "11 passed" in done.stdout


def test_damaged_requests_find_no_fault(service):
    _, url = service
    result = Fuzzer(url, seed=1).run(seconds=20)
    assert result["faults"] == []
    routes = {name.partition(" ")[0] for name in result["statuses"]}
    assert {"/v1/forecast", "/v1/rows", "/v1/observe", "/v1/models", "raw", "other"} <= routes


def live_through(url, series, end):
    """Forecasts at one step, and tells the truth of that step."""
    post(url, "/v1/forecast", {"windows": [window_at(series, end)]})
    power = float(series.values[end, 0])
    row = {"time": str(series.time[end]), "values": {"global_active_power": power}}
    post(url, "/v1/observe", {"rows": [row]})


def test_forecasts_are_streamed_as_they_are_made(service, series):
    _, url = service
    with urllib.request.urlopen(f"{url}/v1/events", timeout=30) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        assert stream.readline() == b": connected\n"
        answer = post(url, "/v1/forecast", {"windows": [window_at(series, 77)]})
        lines = [stream.readline() for _ in range(3)]
    assert lines[1] == b"event: forecast\n"
    assert json.loads(lines[2].removeprefix(b"data: ")) == answer
    latest = json.loads(urllib.request.urlopen(f"{url}/v1/forecast/latest").read())
    assert latest == answer


def row_body(series, row):
    """Return a request with one row."""
    measured = dict(zip(series.features[:7], series.values[row, :7].astype(float).tolist(), strict=True))
    values = {name: None if np.isnan(value) else value for name, value in measured.items()}
    return {"rows": [{"time": str(series.time[row]), "values": values}]}


def post_row(url, series, row):
    """Send one row; return the forecasts that it allows."""
    return post(url, "/v1/rows", row_body(series, row))


def post_rows_until_killed(process, url, series, rows, seconds):
    """Send rows, and kill the service after so many seconds; return the answers that came."""
    answers = []
    killer = threading.Timer(seconds, process.kill)
    killer.start()
    try:
        for row in rows:
            answers.append(post_row(url, series, row))
    except (OSError, http.client.HTTPException):
        pass
    killer.join()
    process.communicate()
    return answers


def test_a_killed_service_continues_to_the_last_digit(chain, here, series):
    rows, journal = range(1000, 1300), f"serve.journal={here}/killed.db"
    process, url = start_service(here, journal)
    answers = post_rows_until_killed(process, url, series, rows, seconds=0.5)
    assert len(answers) < len(rows)
    process, url = start_service(here, journal)
    answers += [post_row(url, series, row) for row in rows[len(answers) :]]
    kill(process)
    with serving(Registry(here / "outputs/registry"), intervals=DEFAULT_INTERVALS) as client:
        expected = [client.post("/v1/rows", json=row_body(series, row)).json() for row in rows]
    # A row that was stored but not answered is sent again; its truths have been matched then.
    for answer in (*answers, *expected):
        del answer["matched"]
    assert answers == expected
    assert expected[-1]["intervals"]["truths"] > 250


@pytest.mark.skipif(BROWSER is None, reason="no Chromium here")
def test_the_live_page_shows_itself_in_a_browser(service, series, tmp_path):
    _, url = service
    for end in range(100, 160):
        live_through(url, series, end)
    browser = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}"]
    page = subprocess.run(
        [*browser, "--virtual-time-budget=4000", "--dump-dom", f"{url}/"],
        capture_output=True,
        text=True,
        timeout=120,
    ).stdout
    assert 'data-state="shown"' in page
    assert "nlinear v0001 in service" in page
    assert re.search(r"persistence [\d.]+ kW, 5\d truths shown", page)
    assert page.count("<canvas") in (2, 3)  # forecasts with truths, errors, and drift if it has changed
    assert re.search(r'id="weights-section"[^>]* hidden', page)  # no ensemble, no weights


def test_the_service_ends_when_it_is_told_to_and_keeps_its_record(service, series, here):
    process, url = service
    assert json.loads(urllib.request.urlopen(f"{url}/readyz").read())["version"] == "v0001"
    for end in range(200, 210):
        live_through(url, series, end)
    stream = urllib.request.urlopen(f"{url}/v1/events", timeout=30)
    process.send_signal(signal.SIGTERM)
    assert stream.read().startswith(b": connected")  # to its end
    stream.close()
    done = finish(process, here)
    assert done.code == 0
    assert "Traceback" not in done.err
    assert (here / "outputs/registry/live/journal.db").is_file()
    assert sorted(path.name for path in (here / "outputs").iterdir() if "serve" in path.name) == []


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["job=predict", "predict.data=no.csv"], "predict.data: there is no file no.csv."),
        (["job=promote", "registry.version=v0001"], "holds no version 'v0001'"),
        (["job=rollback"], "has no champion before this one to go back to."),
        (["job=serve"], "has no champion yet: promote a finished run"),
    ],
)
def test_wrong_commands_are_answered_before_tensorflow(command, sentence, cold_command, tmp_path):
    done = cold_command(*command, cwd=tmp_path)
    assert done.code == 2, done.err
    assert sentence in done.err
    assert done.imported == []
    assert not (tmp_path / "outputs").exists()
