import http.client
import json
import re
import shutil
import threading

import pytest

from tests.unit.comparison.test_leaderboard import make_run
from tsforecast.comparison.watch import HOST, Watch, create_server
from tsforecast.errors import UserError


def add_unfinished(folder, rows, **result):
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("model: {_target_: tsforecast.models.gru.GRU}\n")
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    if result:
        (folder / "result.json").write_text(json.dumps(result))


ROWS = [{"epoch": i, "step": 10 * i, "loss": 1 / i, "val/rmse": 0.5 + 0.1 * abs(i - 2)} for i in (1, 2, 3)]


@pytest.fixture
def folder(tmp_path):
    make_run(tmp_path / "a", 0.5)
    make_run(tmp_path / "b", 0.6)
    (tmp_path / "a" / "report.html").write_text("the report of a")
    add_unfinished(tmp_path / "growing", ROWS)
    add_unfinished(tmp_path / "broken", [], status="failed", error="The disk is full.")
    add_unfinished(tmp_path / "sweep" / "00_x", ROWS, status="interrupted")
    study = {"command": [], "identity": {"jobs": {"x": {}, "y": {}}}}
    (tmp_path / "sweep" / "study.json").write_text(json.dumps(study))
    return tmp_path


@pytest.fixture
def ask(folder):
    server = create_server(Watch(str(folder), 2.0), 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def ask(path, host=None):
        connection = http.client.HTTPConnection(HOST, server.server_address[1], timeout=20)
        connection.request("GET", path, headers={"Host": host} if host else {})
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response.status, text

    yield ask
    server.shutdown()
    server.server_close()


def charts(page):
    (data,) = re.findall(
        r'<script type="application/json" id="page-data">(.*?)</script>', page, flags=re.DOTALL
    )
    return {chart["id"]: chart for chart in json.loads(data)["charts"]}


def test_the_page_shows_what_runs_what_ended_and_what_is_done(ask):
    status, page = ask("/")
    assert status == 200
    assert "1 running, 2 finished" in page
    rows = re.findall(r'data-run="(\d)"><td title="[^"]*">(\w+)</td><td[^>]*>(\w+)</td>', page)
    assert rows == [("2", "growing", "running"), ("3", "broken", "failed"), ("4", "00_x", "interrupted")]
    assert 'title="The disk is full."' in page
    assert re.search(r'sweep</td><td class="n">2</td><td class="n">–</td><td class="n">–</td>', page)
    growing = next(line for line in charts(page)["chart-live-rmse"]["series"] if line[0] == "growing")
    assert growing[1] == [0.6, 0.5, 0.6]
    assert growing[4] == [10, 20, 30]
    assert "connect-src 'self'" in page


def test_the_curves_grow_and_a_run_that_ends_joins_the_leaderboard(ask, folder):
    before = ask("/version")[1]
    assert ask("/version")[1] == before
    with (folder / "growing" / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"step": 40, "loss": 0.1, "val/rmse": 0.4}) + "\n")
    after = ask("/version")[1]
    assert after != before
    page = ask("/")[1]
    assert f'"version":"{after}"' in page
    growing = next(line for line in charts(page)["chart-live-rmse"]["series"] if line[0] == "growing")
    assert growing[1][-1] == 0.4
    shutil.rmtree(folder / "growing")
    make_run(folder / "growing", 0.4)
    assert "0 running, 3 finished" in ask("/")[1]


def test_reports_of_finished_runs_are_linked_and_nothing_else_is_served(ask):
    page = ask("/")[1]
    assert '<a href="/report/0"' in page
    assert ask("/report/0") == (200, "the report of a")
    for path in ("/report/1", "/report/9", "/report/../a/config.yaml", "/a/config.yaml"):
        assert ask(path)[0] == 404
    assert ask("/", host="evil.example:80")[0] == 403


def test_a_folder_without_a_finished_run_has_a_page(tmp_path):
    add_unfinished(tmp_path / "growing", ROWS[:1])
    page = Watch(str(tmp_path), 2.0).page()
    assert "1 running, 0 finished" in page
    assert "Leaderboard" not in page


def test_what_is_wrong_is_refused(tmp_path):
    with pytest.raises(UserError, match="matches nothing"):
        Watch(str(tmp_path / "nowhere"), 2.0)
    server = create_server(Watch(str(tmp_path), 2.0), 0)
    port = server.server_address[1]
    with pytest.raises(UserError, match=rf"watch.port={port} cannot be listened on"):
        create_server(Watch(str(tmp_path), 2.0), port)
    server.server_close()
