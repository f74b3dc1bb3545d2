"""One model, trained by the command line and by the Python interface: the same figures to the last digit."""

import asyncio
import json
import logging
import os
import signal
import sys
import threading

import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest

import tsforecast
from tests.helpers.api_case import OPTIONS, as_words, hourly_frame
from tsforecast.command import main
from tsforecast.errors import UserError


def run_command(*words):
    """The command line, in this process."""
    before, sys.argv = sys.argv, ["run.py", *words]
    try:
        assert main() == 0
    finally:
        sys.argv = before


@pytest.fixture(scope="module")
def frame():
    return hourly_frame()


@pytest.fixture(scope="module")
def here(tmp_path_factory, frame):
    """A folder with the rows as a file, in which everything runs."""
    folder, before = tmp_path_factory.mktemp("api"), os.getcwd()
    frame.to_parquet(folder / "rows.parquet")
    os.chdir(folder)
    yield folder
    os.chdir(before)


@pytest.fixture(scope="module")
def command_run(here):
    data = ["data=csv", "data.path=rows.parquet", "data.target=load", "tracker=none", "model=dlinear"]
    run_command(*data, *as_words(OPTIONS), "hydra.run.dir=command")
    return tsforecast.Run("command")


@pytest.fixture(scope="module")
def run(here, frame):
    return tsforecast.train(frame, "load", "dlinear", OPTIONS, verbose=False)


@pytest.fixture(scope="module")
def forecaster(run):
    return run.forecaster


def test_training_gives_the_figures_of_the_command_line(run, command_run):
    assert run.metrics == command_run.metrics
    clocks = ("seconds", "per_second", "input_wait")
    curves = [
        [{key: value for key, value in row.items() if not key.endswith(clocks)} for row in one.history]
        for one in (run, command_run)
    ]
    assert curves[0] == curves[1]
    assert run.report.is_file()


def test_predictions_are_those_of_the_command_line(forecaster, command_run, frame):
    run_command(
        "job=predict",
        "run=command",
        "predict.data=rows.parquet",
        "predict.out=out.parquet",
        "predict.stride=5",
    )
    expected = pq.read_table("out.parquet").to_pandas()
    pd.testing.assert_frame_equal(
        forecaster.predict(frame, 0.9, stride=5), expected, check_exact=True, check_dtype=False
    )


def test_by_default_the_newest_forecast_alone_is_made(forecaster, frame):
    newest, all_rows = forecaster.predict(frame), forecaster.predict(frame, stride=1)
    assert len(newest) == forecaster.horizon == 4
    assert newest["time"].tolist() == pd.date_range("2024-01-26 00:00", periods=4, freq="h").tolist()
    assert newest["forecast"].tolist() == all_rows["forecast"].tolist()[-4:]
    assert "lower" not in newest


def test_intervals_of_a_run_start_from_its_validation_rows_as_after_a_promotion(forecaster, run, frame):
    bands = {share: forecaster.predict(frame, share) for share in (0.5, 0.9)}
    widths = {share: (band["upper"] - band["lower"]).to_numpy() for share, band in bands.items()}
    assert (widths[0.5] > 0).all()
    assert (widths[0.9] > widths[0.5]).all()
    champion = run.promote()
    pd.testing.assert_frame_equal(champion.predict(frame, 0.9), bands[0.9], check_exact=True)
    assert tsforecast.load().name == tsforecast.load("v0001").name == "v0001"


def test_frames_come_back_in_the_library_that_they_came_in(forecaster, frame):
    values = forecaster.predict(frame)["forecast"].tolist()
    polars = forecaster.predict(pl.from_pandas(frame))
    assert isinstance(polars, pl.DataFrame)
    assert polars["forecast"].to_list() == values
    table = pq.read_table("rows.parquet")
    assert forecaster.predict(table)["forecast"].to_pylist() == values
    assert forecaster.predict("rows.parquet")["forecast"].to_pylist() == values
    assert forecaster.predict(frame.set_index("time"))["forecast"].tolist() == values


def test_scores_without_data_are_those_of_the_run(forecaster, run):
    scores = forecaster.score()
    tested = {
        key.removeprefix("test/"): value for key, value in run.metrics.items() if key.startswith("test/")
    }
    assert tested
    assert {name: scores[name] for name in tested} == tested
    assert scores["skill/persistence"] == run.skill["persistence"]


def test_scores_of_rows_are_those_of_their_forecasts(forecaster, frame):
    rows = frame.iloc[-100:].reset_index(drop=True)
    scores = forecaster.score(rows)
    table = forecaster.predict(rows, stride=1)
    merged = table.merge(rows, on="time")
    complete = merged.groupby("made_at").filter(lambda one: len(one) == 4)
    assert scores["windows"] == len(complete) / 4 == 100 - 24 - 4 + 1
    errors = complete["forecast"] - complete["load"]
    assert scores["rmse"] == pytest.approx(np.sqrt((errors**2).mean()), rel=1e-12)
    assert scores["mae"] == pytest.approx(errors.abs().mean(), rel=1e-12)
    last = complete["made_at"].map(rows.set_index("time")["load"])
    naive = np.sqrt(((complete["load"] - last) ** 2).mean())
    assert scores["skill/persistence"] == pytest.approx(1 - scores["rmse"] / naive, rel=1e-9)


def test_explanations_name_the_feature_that_matters(forecaster, frame):
    for data in (None, frame):
        features = forecaster.explain(data, windows=50, repeats=2)["features"]
        assert features[0]["feature"] == "load"
        assert features[0]["rise"] > 0
        assert [part["rise"] for part in features if part["feature"] == "humidity"] == [0.0]


def test_a_plot_shows_rows_forecast_and_interval(forecaster, frame):
    figure = forecaster.plot(frame, history=30)
    (axes,) = figure.axes
    observed, forecast = axes.lines
    assert len(observed.get_xdata()) == 30
    assert observed.get_ydata().tolist() == frame["load"].tolist()[-30:]
    assert forecast.get_ydata().tolist() == forecaster.predict(frame)["forecast"].tolist()
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "observed",
        "90% interval",
        "forecast",
    ]
    assert figure._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop(columns="humidity"), "The data frame: feature 'humidity' is missing"),
        (lambda frame: frame.iloc[:10], "no 24 consecutive rows"),
        (lambda frame: 7, "Data is a int"),
        (lambda frame: "none.csv", "none.csv"),
    ],
)
def test_mistakes_are_user_errors(forecaster, frame, change, message):
    with pytest.raises(UserError, match=message):
        forecaster.predict(change(frame))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"intervals": 1.5}, "intervals.coverage=1.5 is out of range"),
        ({"intervals": "wide"}, "intervals.coverage=wide is not a number"),
        ({"stride": 0}, "predict.stride=0 is out of range"),
        ({"levels": [0.1]}, "^predict.levels: .* forecasts no whole distribution"),
    ],
)
def test_options_are_checked_as_on_the_command_line(forecaster, frame, options, message):
    with pytest.raises(UserError, match=message):
        forecaster.predict(frame, **options)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda forecaster, frame: forecaster.explain(windows=1), "explain_windows=1 is out of range"),
        (lambda forecaster, frame: forecaster.explain(repeats=0), "explain_repeats=0 is out of range"),
        (lambda forecaster, frame: forecaster.explain(frame[:25]), "fewer than two windows"),
        (lambda forecaster, frame: forecaster.plot(frame, history=0), "history=0 must be at least 1"),
        (lambda forecaster, frame: forecaster.sample(frame, 0), "paths=0 draws nothing"),
    ],
)
def test_other_options_are_checked_too(forecaster, frame, call, message):
    with pytest.raises(UserError, match=message):
        call(forecaster, frame)


def test_a_run_is_the_path_of_its_folder(run):
    assert tsforecast.load(run).name == os.path.basename(os.fspath(run))
    with pytest.raises(UserError, match=r"has no backtest\.json"):
        run.read_json("backtest.json")


def test_what_cannot_be_loaded_is_refused(here):
    with pytest.raises(UserError, match="neither the folder of a run nor a version"):
        tsforecast.load("outputs/none")
    with pytest.raises(UserError, match="has no champion"):
        tsforecast.load(registry="empty")


def test_nothing_of_the_caller_changes(here, frame):
    """A second training in this process, inside a running event loop, and one in a thread."""
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    state = os.getcwd(), logging.root.level, list(logging.root.handlers), sys.argv[:], handlers

    async def notebook_cell():
        return tsforecast.train(frame, "load", "persistence", OPTIONS, verbose=False)

    first = asyncio.run(notebook_cell())
    runs = []
    thread = threading.Thread(
        target=lambda: runs.append(tsforecast.train(frame, "load", "persistence", OPTIONS))
    )
    thread.start()
    thread.join()
    assert runs[0].metrics == first.metrics
    assert runs[0].path != first.path
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    assert state == (os.getcwd(), logging.root.level, list(logging.root.handlers), sys.argv[:], handlers)


def test_a_wrong_option_is_one_sentence_and_leaves_nothing(here, frame):
    before = set((here / "outputs").iterdir())
    for options, message in (
        ({"training.max_stepz": 3}, "Did you mean 'training.max_steps'"),
        ({"model.dropout": 7}, "model.dropout"),
        ({"window.horizon": 4000}, "No window fits"),
    ):
        with pytest.raises(UserError, match=message) as caught:
            tsforecast.train(frame, "load", "gru", OPTIONS | options, verbose=False)
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="Did you mean 'gru'"):
        tsforecast.train(frame, "load", "grru")
    with pytest.raises(UserError, match="lode"):
        tsforecast.train(frame, "lode", "dlinear", verbose=False)
    assert set((here / "outputs").iterdir()) == before


def test_notebooks_show_runs_and_forecasters_as_tables(run, forecaster):
    assert "<td>dlinear</td>" in run._repr_html_()
    assert "persistence" in run._repr_html_()
    assert "report.html" in run._repr_html_()
    assert "<td>load</td>" in forecaster._repr_html_()
    assert "lookback=24" in repr(forecaster)


def test_a_comparison_ranks_runs(run, command_run, here):
    comparison = tsforecast.compare([run, "command"])
    assert [row["rank"] for row in comparison.rows] == [1, 2]
    assert comparison.best.metrics == run.metrics
    assert "rmse_low" in comparison._repr_html_()
    assert comparison.write(here / "page.html").is_file()
    json.dumps(comparison.rows)
    with pytest.raises(UserError):
        tsforecast.compare("nothing")


def test_a_model_of_many_series_forecasts_each_of_them(here, frame):
    shifted = frame.assign(meter="b", load=frame["load"] * 3 + 50).iloc[:300]
    many = pd.concat([frame.assign(meter="a"), shifted], ignore_index=True)
    options = OPTIONS | {"data.series_id": "meter"}
    forecaster = tsforecast.train(many, "load", "dlinear", options, verbose=False).forecaster
    newest = forecaster.predict(many, 0.9)
    assert newest["meter"].tolist() == ["a"] * 4 + ["b"] * 4
    assert newest.groupby("meter")["made_at"].first().tolist() == [
        frame["time"].iloc[599],
        frame["time"].iloc[299],
    ]
    every = forecaster.predict(many, 0.9, stride=1)
    last = every[every["made_at"] == every.groupby("meter")["made_at"].transform("max")]
    columns = ["meter", "time", "forecast", "lower", "upper"]
    pd.testing.assert_frame_equal(
        newest[columns], last.sort_values(["meter", "time"])[columns].reset_index(drop=True), check_exact=True
    )
    assert 40 < newest["forecast"].iloc[-1] < 60
    figures, series = forecaster.score(many), forecaster.score_series(many)
    assert figures["series"] == 2
    assert figures["mase"] == pytest.approx(series["mase"].mean())
    assert series["series"].tolist() == ["a", "b"]
    assert forecaster.score()["rmse"] > 0
    importance = forecaster.explain(many, windows=50, repeats=1)
    assert importance["windows"] == 50
    assert 0 < importance["rmse"] < 10  # of b, which is three times as large, and a
    shown = forecaster.plot(many, series="b")
    assert [axes.get_title(loc="left") for axes in shown.axes] == ["b"]
    assert len(forecaster.plot(many).axes) == 2
    with pytest.raises(UserError, match="no window of a series 'c'"):
        forecaster.plot(many, series="c")


def test_scores_of_the_rows_of_the_test_split_are_those_of_the_run(forecaster, run, frame):
    """The same windows, so the same errors and the same unit of MASE."""
    windows = round(0.15 * len(frame)) - 4 + 1
    rows = frame.iloc[-(windows + 24 + 4 - 1) :]
    figures = forecaster.score(rows)
    assert figures["windows"] == windows
    assert figures["mase"] == pytest.approx(run.metrics["test/mase"], rel=1e-5)
    assert figures["rmse"] == pytest.approx(run.metrics["test/rmse"], rel=1e-5)
