"""What training makes of rows, prediction and requests make of them too: calendar steps, zones and bins."""

import json

import numpy as np
import pytest

from tests.helpers.serving_case import LEAD, LOOKBACK, make_metadata, make_task
from tsforecast.data.sources.csv import load
from tsforecast.errors import UserError
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.inference.sliding import read_rows, segments
from tsforecast.serving.requests import from_json
from tsforecast.tables import csv_table
from tsforecast.tables.file_source import FileSource
from tsforecast.times.clock import Clock
from tsforecast.times.zones import Zone

PARIS = Zone("Europe/Paris")
RANDOM = np.random.default_rng(5)
HOURS = np.datetime64("2024-03-20T00:00", "s") + np.arange(24 * 300) * np.timedelta64(1, "h")
LOCAL = [str(time)[:16].replace("T", " ") for time in PARIS.to_local(HOURS)]
OFFSETS = Clock("Europe/Paris", is_utc=True).format(HOURS[:4000])
MONTHS = [str(month) for month in np.arange("1749-01", "1790-01", dtype="datetime64[M]")]
MONTH_ENDS = [
    str(month - 1) for month in np.arange("2020-02", "2025-01", dtype="datetime64[M]").astype("datetime64[D]")
]
DAYS = np.arange("2022-01-01", "2024-01-01", dtype="datetime64[D]")
BUSINESS_DAYS = [str(day) for day in np.delete(DAYS[np.is_busday(DAYS)], [1, 77, 200])]
GAPS = 1 + RANDOM.exponential(1240, 3000)
EVENTS = [str(time) for time in np.datetime64("2024-01-01", "s") + np.cumsum(GAPS).astype("timedelta64[s]")]
ZONE = {"timezone": "Europe/Paris"}
SUMS = {"resample": "1h", "aggregate": {"flow": "sum"}}
CASES = {  # times, options, step, season, first time
    "months": (MONTHS, {}, "1mo", 12, "1749-01-01T00:00:00"),
    "month ends": (MONTH_ENDS, {}, "1mo", 12, "2020-01-31T00:00:00"),
    "quarters": ([f"{1990 + i // 4}-Q{1 + i % 4}" for i in range(90)], {}, "1q", 4, "1990-01-01T00:00:00"),
    "years": ([str(year) for year in range(1850, 1950)], {"time": "time"}, "1y", 1, "1850-01-01T00:00:00"),
    "business days": (BUSINESS_DAYS, {}, "1bd", 5, "2022-01-03T00:00:00"),
    "weeks": ([f"2020-W{i:02d}" for i in range(1, 53)], {}, "7d", 52, "2019-12-30T00:00:00"),
    "zone": (LOCAL, ZONE, "1h", 24, "2024-03-20T01:00:00+01:00"),
    "offsets in a zone": (OFFSETS, ZONE, "1h", 24, "2024-03-20T01:00:00+01:00"),
    "days in a zone": ([str(day) for day in DAYS], ZONE, "1d", 7, "2022-01-01T00:00:00+01:00"),
    "bins": (EVENTS, SUMS, "1h", 24, "2024-01-01T01:00:00"),
    "bins in a zone": (EVENTS, {"resample": "1d", **ZONE}, "1d", 7, "2024-01-02T00:00:00+01:00"),
}


def write(folder, times):
    values = np.round(RANDOM.normal(size=(len(times), 2)), 4)
    path = folder / "train.csv"
    rows = (f"{time},{a},{b}" for time, (a, b) in zip(times, values, strict=True))
    path.write_text("\n".join(["time,load,flow", *rows]) + "\n")
    return path


def metadata_of(series):
    channels = list(series.features)
    zeros, ones = [0.0] * len(channels), [1.0] * len(channels)
    stored = make_metadata(
        channels=channels,
        step_seconds=series.step,
        grid=series.grid.to_dict(),
        recipe=series.recipe.to_dict(),
        derived={},
        scaler={"mean": zeros, "scale": ones, "target_indices": [0]},
    )
    return ModelMetadata.from_task(make_task(channels=len(channels)), json.loads(json.dumps(stored)))


@pytest.fixture(params=CASES)
def case(request, tmp_path):
    times, options, step, season, first = CASES[request.param]
    path = write(tmp_path, times)
    return path, load(str(path), "load", **options), step, season, first


def test_step_season_and_first_time_follow_from_the_rows(case):
    _, series, step, season, first = case
    assert (str(series.grid.step), series.season) == (step, season)
    assert series.clock.format(series.time[:1]) == [first]
    assert (
        len(series)
        == series.grid.positions(series.time[-1:].astype("datetime64[ns]"))[0]
        - series.grid.positions(series.time[:1].astype("datetime64[ns]"))[0]
        + 1
    )


def test_prediction_makes_the_windows_of_training_of_the_same_file(case, monkeypatch):
    path, series, *_ = case
    monkeypatch.setattr(csv_table, "BLOCK_BYTES", 5000)
    metadata = metadata_of(series)
    found = 0
    for segment in segments(read_rows(FileSource(path), metadata), metadata, 1):
        rows = np.searchsorted(series.time, segment.time)
        np.testing.assert_array_equal(series.time[rows], segment.time)
        expected = series.values[rows].astype(np.float32)
        known = ~np.isnan(expected)
        np.testing.assert_array_equal(segment.inputs[known[: len(segment.inputs)]], expected[known])
        found += len(segment.ends)
    assert found >= len(series) - LOOKBACK + 1 - 20


def test_requests_get_the_windows_and_times_of_training(case):
    _, series, *_ = case
    metadata = metadata_of(series)
    rows = slice(20, 20 + LOOKBACK)
    names = list(metadata.features)
    values = np.nan_to_num(series.values[rows][:, [series.features.index(name) for name in names]])
    time = series.clock.format(series.time[[rows.stop - 1]])[0]
    body = {"windows": [{"time": time, "values": values.tolist()}], "features": names}
    batch = from_json(json.dumps(body).encode(), metadata, 1)
    expected = np.nan_to_num(series.values[rows]).astype(np.float32)
    np.testing.assert_array_equal(batch.past[0][:, : len(names)], expected[:, : len(names)])
    np.testing.assert_allclose(
        batch.past[0][:, len(names) :], series.values[rows][:, len(names) :], rtol=1e-6
    )
    first = rows.stop - 1 + LEAD
    np.testing.assert_array_equal(metadata.target_times(batch.made_at)[0], series.time[first : first + 2])


def test_calendar_features_of_a_zone_are_local(tmp_path):
    series = load(str(write(tmp_path, LOCAL)), "load", timezone="Europe/Paris")
    local = PARIS.to_local(series.time)
    hour = (local - local.astype("datetime64[D]")).astype("timedelta64[s]").astype(np.int64) / 86_400
    np.testing.assert_allclose(series.column("minute_of_day_sin"), np.sin(2 * np.pi * hour), atol=1e-6)
    assert any("Times are those of Europe/Paris" in note for note in series.notes)


def test_a_repeated_hour_that_is_there_once_is_noted(tmp_path):
    times = [time for index, time in enumerate(LOCAL) if time not in LOCAL[:index][-2:]]
    series = load(str(write(tmp_path, times)), "load", timezone="Europe/Paris")
    assert any(
        "2024-10-27T02:00:00, which the clocks of Europe/Paris repeat, is in the rows once" in note
        for note in series.notes
    )
    assert np.isnan(series.column("load")).sum() == 1


def test_an_hour_that_does_not_exist_is_refused_by_row_and_value(tmp_path):
    times = [*LOCAL[:265], "2024-03-31 02:00", *LOCAL[265:400]]
    with pytest.raises(UserError, match=r"'2024-03-31 02:00:00' in column 'time' \(row 266\) does not exist"):
        load(str(write(tmp_path, times)), "load", timezone="Europe/Paris")


def test_shuffled_rows_of_a_repeated_hour_are_refused(tmp_path):
    times = LOCAL[:]
    night = next(i for i, time in enumerate(times) if time == "2024-10-27 02:00")
    times[night + 2 : night + 2] = ["2024-10-27 02:00"]
    with pytest.raises(UserError, match="the order of the rows does not tell"):
        load(str(write(tmp_path, times)), "load", timezone="Europe/Paris")


def test_bins_are_noted_with_their_number(tmp_path):
    series = load(str(write(tmp_path, EVENTS)), "load", resample="1h", aggregate="max")
    filled = (~np.isnan(series.column("load"))).sum()
    assert series.notes[0] == f"3,000 rows were summarized in {filled:,} bins of 1 h, dated by their end."
    assert series.notes[1].startswith(f"{len(series) - filled:,} of {len(series):,} timestamps were missing")
    assert series.recipe.describe()[1].endswith("every 1 h by max of the rows before")


WRONG = {
    "irregular": (EVENTS, {}, r"data.resample=\d+min data.aggregate=mean"),
    "no bins": (LOCAL, {"aggregate": "sum"}, "data.aggregate needs data.resample"),
    "two steps": (
        LOCAL,
        {"resample": "1h", "frequency": "2h"},
        "data.frequency is 2 h and data.resample 1 h",
    ),
    "unknown bins": (LOCAL, {"resample": "soon"}, "data.resample is 'soon'"),
    "unknown figure": (LOCAL, {"resample": "1d", "aggregate": "avg"}, "data.aggregate is 'avg'"),
    "unknown column": (LOCAL, {"resample": "1d", "aggregate": {"flo": "sum"}}, "'flo'. Did you mean 'flow'"),
    "unknown zone": (LOCAL, {"timezone": "Europe/Pariss"}, "Did you mean 'Europe/Paris'"),
    "months as days": (MONTHS, {"frequency": "30d"}, "data.frequency=1mo"),
    "sparse bins": (MONTHS, {"resample": "1h"}, "state a longer step with data.resample"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_does_not_fit_is_refused_in_one_sentence(tmp_path, wrong):
    times, options, message = WRONG[wrong]
    with pytest.raises(UserError, match=message):
        load(str(write(tmp_path, times)), "load", **options)


def american(first, count, layout):
    days = np.datetime64(first) + np.arange(count)
    fields = [dict(zip("ymd", str(day).split("-"), strict=True)) for day in days]
    return [layout.format(**field) + f" {hour:02d}:00" for field in fields for hour in range(24)]


def test_a_later_file_with_day_and_month_exchanged_is_refused(tmp_path):
    series = load(str(write(tmp_path, american("2024-01-10", 20, "{m}/{d}/{y}"))), "load")
    metadata = metadata_of(series)
    path = write(tmp_path, american("2024-02-01", 11, "{d}/{m}/{y}"))
    with pytest.raises(UserError, match=r"row 1.* and 2024-02-01 by %d/%m/%Y %H:%M"):
        load(str(path), "load", recipe=series.recipe)
    with pytest.raises(UserError, match=r"row 1.* and 2024-02-01 by %d/%m/%Y %H:%M"):
        list(segments(read_rows(FileSource(path), metadata), metadata, 1))
    path = write(tmp_path, american("2024-02-01", 11, "{m}/{d}/{y}"))
    assert list(segments(read_rows(FileSource(path), metadata), metadata, 1))


def test_rows_of_the_repeated_hour_without_a_zone_name_the_option(tmp_path):
    notes = load(str(write(tmp_path, LOCAL)), "load").notes
    assert any("data.timezone=" in note for note in notes)
    notes = load(str(write(tmp_path, LOCAL)), "load", timezone="Europe/Paris").notes
    assert not any("data.timezone=" in note for note in notes)
