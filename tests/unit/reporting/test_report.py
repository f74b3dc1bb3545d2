"""The report page as a reader and a browser meet it: figures, order, escaping, NaN, size, no network."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from tsforecast.reporting import Report, write_report
from tsforecast.reporting.charts import MAX_VALUES
from tsforecast.reporting.elements import Section, Table

NAN = float("nan")
VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """Checks that every element is closed in order, and keeps what the tests ask for."""

    def __init__(self, html: str):
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name in ("src", "href", "data", "action", "srcset"):
                self.addresses.append(value)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif self.open and self.open[-1] != "style" and data.strip():
            self.words.append(data.strip())

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    @property
    def data(self) -> dict:
        return json.loads(self.scripts[0], parse_constant=lambda name: pytest.fail(f"{name} in the JSON"))


def a_result(**changes) -> dict:
    return {
        "status": "done",
        "model": "lstm",
        "params": 270273,
        "seconds": 231.2,
        "metrics": {"val/rmse": 0.6, "test/rmse": 0.61234, "test/mae": 0.361, "test/r2": 0.55},
        "baselines": {
            "persistence": {"test/rmse": 0.7182, "test/mae": 0.3495, "test/r2": 0.4},
            "seasonal_naive": {"test/rmse": 1.25, "test/mae": 0.8},
        },
        "skill": {"persistence": 0.1474, "seasonal_naive": -0.02},
        "unit": "kW",
        "versions": {"keras": "3.15.1"},
        "device": "two cores",
        "data": {"name": "household_power", "hash": "9f1c44", "rows": 781163},
        "seed": 7,
        "commit": "abc1234",
        **changes,
    }


def a_forecast(n=200, targets=None, **changes) -> dict:
    shape = (n,) if targets is None else (n, targets)
    truth = np.random.default_rng(0).normal(size=shape)
    time = np.datetime64("2010-01-01T00:00") + np.arange(n)
    return {"time": time, "truth": truth, "forecast": truth + 0.1, "target": "power", "unit": "kW", **changes}


HISTORY = [
    {"epoch": 1, "loss": 0.5, "val/loss": 0.6, "val/rmse": 0.7, "learning_rate": 1e-3, "input_wait": 0.01},
    {"epoch": 2, "loss": 0.4, "val/loss": 0.5, "val/rmse": 0.65, "learning_rate": 5e-4, "input_wait": 0.02},
    {"epoch": 3, "loss": 0.3, "val/loss": NAN, "val/rmse": NAN, "learning_rate": 1e-4, "input_wait": 0.02},
]


@pytest.fixture
def make(tmp_path):
    """Writes a page and reads it back, parsed."""

    def write(**changes) -> Page:
        given = {
            "title": "A run",
            "result": a_result(),
            "history": HISTORY,
            "forecast": a_forecast(),
            **changes,
        }
        path = write_report(tmp_path / "report.html", Report(**given))
        assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
        return Page(path.read_text(encoding="utf-8"))

    return write


def test_the_page_holds_the_figures(make):
    text = make(config_yaml="model:\n  units: 128\n", notes=["3 rows were filled."]).text
    for figure in [
        "0.6123",
        "0.3610",
        "0.7182",
        "1.250",
        "+14.7",
        "−2.0",
        "270,273",
        "781,163",
        "3 min 51 s",
    ]:
        assert figure in text
    for word in ["abc1234", "9f1c44", "3.15.1", "two cores", "3 rows were filled.", "units: 128"]:
        assert word in text
    assert "Lowest validation RMSE: 0.6500 kW in epoch 2 of 3." in text


def test_the_better_figure_of_a_row_is_bold(make, tmp_path):
    make()
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    bold = re.findall(r'title="([^"]+)">[^<]*</th>((?:<td class="n(?: best)?">[^<]*</td>)+)', html)
    found = {key: re.findall(r'best">([^<]*)<', cells) for key, cells in bold}
    assert found["test/rmse"] == ["0.6123"]
    assert found["test/mae"] == ["0.3495"]  # persistence is the better one here, and the page says so
    assert found["test/r2"] == ["0.5500"]
    assert found["val/rmse"] == []  # nothing to compare with


def test_nothing_is_loaded_from_elsewhere(make, tmp_path):
    page = make()
    assert page.addresses == ["data:,"]
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    for way in ["url(", "@import", "fetch(", "XMLHttpRequest", "import(", "WebSocket"]:
        assert way not in html
    assert "default-src 'none'" in html


def test_strings_of_users_are_escaped(make):
    evil = "<script>alert(1)</script><!-- & \"'"
    page = make(
        title=evil,
        result=a_result(
            model=evil, unit=evil, device=evil, commit=evil, status=evil, baselines={evil: {"test/rmse": 1.0}}
        ),
        forecast=a_forecast(
            target=evil, unit=evil, caption=evil, interval=evil, baselines={evil: np.zeros(200)}
        ),
        config_yaml=evil,
        parameters=[{evil: evil, "params": 3}],
        notes=[evil],
        sections=[Section(evil, [Table.from_records([{evil: evil}])], evil)],
        by_step={"rmse": [1, 2], "mae": [1, 2], f"{evil}/rmse": [1, 2]},
    )
    assert len(page.scripts) == 3
    assert page.text.count("<script>alert(1)</script>") > 10
    assert page.data["forecast"]["targets"][0]["label"] == f"{evil} ({evil})"


def test_placeholders_in_user_strings_stay_as_they_are(make):
    assert "$data costs $5" in make(title="$data costs $5").text


def test_nan_and_infinity_become_null_or_a_dash(make):
    forecast = a_forecast(3, truth=[1.0, NAN, 3.0], forecast=[NAN, 2.0, np.inf])
    result = a_result(
        metrics={"test/rmse": NAN, "test/mae": None}, skill={"persistence": NAN}, seconds=NAN, params=None
    )
    page = make(forecast=forecast, result=result)
    target = page.data["forecast"]["targets"][0]
    assert target["truth"] == [1, None, 3]
    assert target["forecast"] == [None, 2, None]
    assert "nan" not in page.text.lower()
    assert "inf" not in page.text.lower()
    assert [
        line[1] for c in page.data["charts"] if c["id"] == "chart-learning-error" for line in c["series"]
    ] == [[0.7, 0.65, None]]


def test_every_chart_has_its_place(make):
    hours = {"group": np.arange(24), "rmse": np.ones(24), "mae": np.ones(24), "count": np.ones(24, int)}
    page = make(by_step={"rmse": [1.0, 2.0], "mae": [0.5, 1.0]}, by_hour=hours)
    wanted = {chart["id"] for chart in page.data["charts"]} | {"chart-forecast", "page-data"}
    assert wanted <= set(page.ids)
    assert {"chart-error-step", "chart-error-hour", "chart-learning-loss"} <= wanted
    assert len(page.ids) == len(set(page.ids))


def test_input_wait_is_shown_in_per_cent(make):
    (chart,) = [chart for chart in make().data["charts"] if chart["id"] == "chart-learning-wait"]
    assert chart["series"][0][1] == [1, 2, 2]


def test_what_is_missing_leaves_its_section_out(tmp_path):
    page = Page(
        write_report(tmp_path / "r.html", Report(title="Bare", result={"status": "done"})).read_text()
    )
    assert "Forecast and measured values" not in page.text
    assert "Learning curves" not in page.text
    assert "Config" not in page.text
    assert page.data == {"forecast": None, "charts": []}


def test_one_step_and_one_hour_make_no_chart(make):
    page = make(by_step={"rmse": [1.0], "mae": [1.0]}, by_hour={"group": [5], "rmse": [1.0], "mae": [1.0]})
    assert not [chart for chart in page.data["charts"] if chart["id"].startswith("chart-error")]


def test_a_broken_run_says_so(make):
    assert "did not finish (status: interrupted)" in make(result=a_result(status="interrupted")).text
    assert "did not finish" not in make().text


def test_the_newest_points_are_kept_and_the_page_stays_small(make, tmp_path):
    n = 120_000
    values = np.random.default_rng(0).random(n)
    forecast = a_forecast(n, truth=values, forecast=values * 1.1, lower=values - 1, upper=values + 1)
    page = make(forecast=forecast)
    shown = page.data["forecast"]
    assert (shown["count"], shown["total"], shown["step"]) == (MAX_VALUES, n, 60)
    assert shown["start"] + 60 * (MAX_VALUES - 1) == forecast["time"][-1].astype("datetime64[s]").astype(int)
    assert shown["targets"][0]["truth"][-1] == pytest.approx(values[-1], rel=1e-4)
    assert f"The newest {MAX_VALUES:,} of {n:,} forecasts" in page.text
    assert (tmp_path / "report.html").stat().st_size < 1_000_000


def test_several_targets_share_the_room(make):
    forecast = a_forecast(30_000, targets=2, target=["a", "b"], unit=["kW", "V"])
    shown = make(forecast=forecast).data["forecast"]
    assert [target["label"] for target in shown["targets"]] == ["a (kW)", "b (V)"]
    assert [len(target["truth"]) for target in shown["targets"]] == [10_000, 10_000]
    assert shown["targets"][1]["truth"][-1] == pytest.approx(forecast["truth"][-1, 1], rel=1e-4)


def test_irregular_times_are_written_out(make):
    time = np.array(["2010-01-01T00:00", "2010-01-01T00:01", "2010-01-01T00:05"], "datetime64[m]")
    shown = make(forecast=a_forecast(3, time=time)).data["forecast"]
    assert np.diff(shown["times"]).tolist() == [60, 240]


def test_parameters_are_totalled(make):
    rows = [{"layer": "lstm_1", "params": 72192}, {"layer": "head", "params": 65}]
    assert "Total 72,257" in make(parameters=rows).text


def test_sections_of_a_job_are_shown(make):
    table = Table.from_records([{"score": "f1", "value": 0.25}])
    text = make(sections=[Section("Spikes", [table], "Each with its baselines.")]).text
    assert "Spikes Each with its baselines. Score Value f1 0.2500" in text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"forecast": np.zeros(5)}, "forecast has shape"),
        ({"forecast": np.zeros((200, 2))}, "forecast has 2 targets, the truth has 1"),
        ({"target": ["a", "b"]}, "2 names or units given for 1 targets"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(make, changes, message):
    with pytest.raises(ValueError, match=message):
        make(forecast=a_forecast(**changes))


def test_an_earlier_page_survives_a_failed_one(make, tmp_path):
    make()
    before = (tmp_path / "report.html").read_bytes()
    with pytest.raises(ValueError, match="forecast has shape"):
        make(forecast=a_forecast(forecast=np.zeros(5)))
    assert (tmp_path / "report.html").read_bytes() == before
