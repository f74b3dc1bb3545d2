import numpy as np
import pyarrow as pa
import pytest

from tests.helpers.panel_case import make_panel, write_panel
from tsforecast.data.dataset import build_dataset
from tsforecast.data.sources.csv import load
from tsforecast.errors import UserError
from tsforecast.inference.forecasts import Forecasts
from tsforecast.inference.intervals import create_intervals
from tsforecast.inference.metadata import ModelMetadata, describe_data
from tsforecast.inference.options import IntervalOptions
from tsforecast.inference.panel_forecast import PanelForecaster, forecast_together
from tsforecast.inference.panel_stream import PanelStream
from tsforecast.inference.predictor import Predictor
from tsforecast.models.persistence import Persistence
from tsforecast.models.task import Task
from tsforecast.tables.file_source import FileSource

WINDOW = {"lookback": 6, "lead": 1, "horizon": 2, "stride": 1, "split": {"train": 0.7, "val": 8, "test": 8}}
INTERVALS = IntervalOptions(coverage=0.8, rate=0.01, memory=100)


def forecast(path, metadata, predictor, batch_size=8):
    forecaster = PanelForecaster(PanelStream(FileSource(str(path)), metadata), predictor, INTERVALS)
    return pa.concat_tables(forecaster.tables(batch_size)), forecaster


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    path = write_panel(tmp_path_factory.mktemp("panel") / "panel.csv", make_panel())
    dataset = build_dataset(load(str(path), "load", series_id="id", calendar=False), **WINDOW)
    task = Task.from_dataset(dataset)
    model = Persistence(task)
    model.describe(**describe_data(dataset))
    return path, Predictor(model, sizes=(8,))


def test_forecasts_have_the_name_and_the_unit_of_their_series(case):
    path, predictor = case
    table, forecaster = forecast(path, predictor.metadata, predictor)
    assert table.column_names[:4] == ["id", "made_at", "time", "target"]
    assert forecaster.windows * 2 == table.num_rows == 2 * (240 - 3 * 5)
    series = make_panel()
    last = {
        (series.panel.ids[int(index)], str(time)): value
        for index, time, value in zip(
            series.series_of(np.arange(240)), series.time, series.values[:, 0], strict=True
        )
    }
    for row in table.to_pylist():
        made_at = str(np.datetime64(row["made_at"], "s"))
        assert row["forecast"] == pytest.approx(last[row["id"], made_at], rel=1e-4)


def test_intervals_learn_from_the_series_alone(case):
    path, predictor = case
    table, forecaster = forecast(path, predictor.metadata, predictor)
    rows = table.to_pandas().dropna()
    width = (rows.upper - rows.lower).groupby(rows.id).mean()
    assert width["c"] > 100 * width["a"]  # their levels are a thousand times apart
    assert forecaster.summary()["truths"] > 200


def test_intervals_start_with_the_errors_of_all_series(case):
    path, predictor = case
    shared = create_intervals(2, 1, INTERVALS)
    errors = np.linspace(-1, 1, 99)[:, None, None] * np.ones((1, 2, 1))
    shared.calibrate(np.zeros_like(errors), np.zeros_like(errors), errors)
    stream = PanelStream(FileSource(str(path)), predictor.metadata)
    forecaster = PanelForecaster(stream, predictor, INTERVALS, calibration=shared.to_bytes())
    rows = pa.concat_tables(forecaster.tables(8)).to_pandas()
    assert not rows.lower.isna().any()
    first = rows.groupby("id").first()
    widths = predictor.metadata.scaler.levels.width[:, 0]
    np.testing.assert_allclose((first.upper - first.lower)[list("abc")], 1.6 * widths, rtol=0.05)
    assert forecaster.summary()["truths"] > 400
    assert "3 series, with coverage from " in forecaster.notes()[0]


def test_windows_of_several_series_share_a_call(case):
    path, predictor = case
    together, alone = Predictor.__call__, []
    calls = []
    run = predictor._run
    predictor._run = lambda past: calls.append(len(past)) or run(past)
    try:
        for state, segment, forecasts in forecast_together(
            PanelStream(FileSource(str(path)), predictor.metadata).segments(), predictor
        ):
            if forecasts is not None:
                own = together(predictor, segment.windows(segment.ends), state.metadata)
                np.testing.assert_array_equal(forecasts.values, own.values)
                alone.append(len(segment.ends))
    finally:
        del predictor._run
    assert len(alone) >= 3
    assert calls[: -(-sum(alone) // 8)].count(8) == sum(alone) // 8


def test_windows_that_share_rows_are_forecast_series_by_series(case, monkeypatch):
    path, predictor = case

    def forecasts():
        stream = PanelStream(FileSource(str(path)), predictor.metadata)
        return [item.values for _, _, item in forecast_together(stream.segments(), predictor) if item]

    wanted, shared = forecasts(), []

    def run_shared(segment, ends):
        shared.append(len(ends))
        return predictor._run(segment.windows(ends))

    monkeypatch.setattr(predictor, "_shared", run_shared)
    monkeypatch.setattr(predictor, "stride", 1)
    for found, values in zip(forecasts(), wanted, strict=True):
        np.testing.assert_array_equal(found, values)
    # 54, 74 and 94 windows by 8, whose rests of 6 fill a call and of 2 do not; the last row's come at the end.
    assert shared == [8] * 6 + [6] + [8] * 9 + [8] * 11 + [6]


def test_the_newest_window_of_each_series_alone_is_forecast(case):
    path, predictor = case
    stream = PanelStream(FileSource(str(path)), predictor.metadata)
    newest = pa.concat_tables(
        PanelForecaster(stream, predictor, INTERVALS, newest=True).tables(8)
    ).to_pandas()
    every = forecast(path, predictor.metadata, predictor)[0].to_pandas()
    last = every.groupby("id").tail(2)
    assert newest["made_at"].tolist() == last["made_at"].tolist()
    assert newest["forecast"].tolist() == last["forecast"].tolist()


def test_forecasts_do_not_depend_on_how_the_rows_of_series_alternate(case, tmp_path):
    path, predictor = case
    header, *lines = path.read_text().splitlines()
    mixed = tmp_path / "mixed.csv"
    mixed.write_text("\n".join([header, *sorted(lines, key=lambda line: line.split(",")[1])]) + "\n")
    tables = [forecast(file, predictor.metadata, predictor)[0].to_pandas() for file in (path, mixed)]
    sorted_tables = [table.sort_values(["id", "made_at", "time"], ignore_index=True) for table in tables]
    assert sorted_tables[0].equals(sorted_tables[1])


def test_a_model_of_many_series_does_not_forecast_without_one(case):
    _, predictor = case
    with pytest.raises(UserError, match="The model was trained on many series"):
        predictor(np.zeros((1, 6, 1), np.float32))
    series = predictor.metadata.with_level(np.array([5.0]), np.array([2.0]))
    assert isinstance(predictor(np.ones((1, 6, 1), np.float32), series), Forecasts)
    assert predictor(np.ones((1, 6, 1), np.float32), series).values.ravel().tolist() == pytest.approx(
        [7.0, 7.0]
    )


def test_times_that_number_steps_stay_numbers(tmp_path):
    lines = [
        f"{name},{step},{size * (step % 3)}" for name, size in (("a", 1), ("b", 9)) for step in range(1, 60)
    ]
    path = tmp_path / "steps.csv"
    path.write_text("\n".join(["id,step,load", *lines]) + "\n")
    series = load(str(path), "load", series_id="id", time="step", time_format="step", frequency="1h")
    dataset = build_dataset(series, **WINDOW)
    metadata = ModelMetadata.from_task(Task.from_dataset(dataset), describe_data(dataset))
    model = Persistence(Task.from_dataset(dataset))
    model.describe(**describe_data(dataset))
    table, _ = forecast(path, metadata, Predictor(model, sizes=(8,)))
    assert table["made_at"][:2].to_pylist() == [6, 6]
    assert table["time"][:4].to_pylist() == [7, 8, 8, 9]
