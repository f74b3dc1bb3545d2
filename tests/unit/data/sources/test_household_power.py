"""Golden values: the first lines of the source file (UCI, DOI 10.24432/C58K54) as its authors publish it."""

import inspect
import time

import numpy as np
import pytest

from tools import make_household_power
from tsforecast.data.sources import household_power
from tsforecast.errors import UserError

FIRST_LINES = """Date,Time,Global_active_power,Global_reactive_power,Voltage,Global_intensity,Sub_metering_1,\
Sub_metering_2,Sub_metering_3
16/12/2006,17:24:00,4.216,0.418,234.840,18.400,0.000,1.000,17.000
16/12/2006,17:25:00,5.360,0.436,233.630,23.000,0.000,1.000,16.000
16/12/2006,17:26:00,?,?,?,?,?,?,
"""
FIRST = [[4.216, 0.418, 234.84, 18.4, 0, 1, 17], [5.36, 0.436, 233.63, 23.0, 0, 1, 16]]


@pytest.fixture(scope="module")
def week():
    return household_power.load(rows=10_080)


def test_first_rows_are_those_of_the_source(week):
    np.testing.assert_array_equal(week.values[:2, :7], np.array(FIRST, np.float32))
    assert week.time[0] == np.datetime64("2006-12-16T17:24:00")
    assert (week.step, week.season, week.unit) == (60, 1440, "kW")
    assert week.targets == ("global_active_power",)


def test_features_are_twelve_in_order(week):
    assert week.features == (
        "global_active_power",
        "global_reactive_power",
        "voltage",
        "global_intensity",
        "sub_metering_1",
        "sub_metering_2",
        "sub_metering_3",
        "unmetered_energy",
        "minute_of_day_sin",
        "minute_of_day_cos",
        "day_of_week_sin",
        "day_of_week_cos",
    )
    assert week.known_ahead == week.features[8:]
    assert week.values.dtype == np.float32


def test_the_derived_feature_is_declared_where_it_is_chosen(week):
    assert list(week.derived) == ["unmetered_energy"]
    assert household_power.load(rows=10, features=["voltage"]).derived == {}


def test_unmetered_energy_and_calendar_follow_their_formulas(week):
    # 4.216 kW for a minute are 70.267 Wh, of which 18 are metered.
    assert week.column("unmetered_energy")[0] == pytest.approx(4.216 * 1000 / 60 - 18, rel=1e-5)
    angle = 2 * np.pi * (17 * 60 + 24) / 1440
    assert week.column("minute_of_day_sin")[0] == pytest.approx(np.sin(angle), rel=1e-6)
    assert week.column("minute_of_day_cos")[0] == pytest.approx(np.cos(angle), rel=1e-6)
    # 2006-12-16 was a Saturday, day 5 of a week that starts on Monday; the next day begins after 396 minutes.
    assert week.column("day_of_week_cos")[0] == pytest.approx(np.cos(2 * np.pi * 5 / 7), rel=1e-6)
    assert week.column("day_of_week_sin")[396] == pytest.approx(np.sin(2 * np.pi * 6 / 7), rel=1e-6)


def test_missing_minutes_are_those_of_the_source(week):
    missing = np.flatnonzero(np.isnan(week.column("voltage")))
    # Line 6841 of the source, 2006-12-21 11:23, is the first without a measurement.
    assert missing[0] == 6839
    assert week.time[6839] == np.datetime64("2006-12-21T11:23:00")
    np.testing.assert_array_equal(np.isnan(week.values[missing, :8]), True)
    assert not np.isnan(week.values[:, 8:]).any()
    assert f"{len(missing):,} of 10,080 minutes" in week.notes[0]


def test_all_rows_load_within_two_seconds_of_computing():
    started = time.process_time()
    series = household_power.load()
    assert time.process_time() - started < 2
    assert len(series) == 2_075_259
    assert series.time[-1] == np.datetime64("2010-11-26T21:02:00")
    assert int(np.isnan(series.values[:, 0]).sum()) == 25_979


def test_fewer_rows_are_the_first_ones(week):
    part = household_power.load(rows=200)
    np.testing.assert_array_equal(part.values, week.values[:200])
    np.testing.assert_array_equal(part.time, week.time[:200])


def test_targets_and_features_are_chosen():
    series = household_power.load(rows=100, target="all")
    assert series.targets == household_power.FEATURES[:8]
    assert series.unit == ""
    series = household_power.load(rows=100, target=["voltage"], features=["minute_of_day_sin"])
    assert series.features == ("voltage", "minute_of_day_sin")
    assert (series.unit, series.known_ahead) == ("V", ("minute_of_day_sin",))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rows": 3_000_000}, "3,000,000, but household_power has 2,075,259"),
        ({"rows": 0}, "data.rows .* is 0"),
        ({"rows": 1.5}, "data.rows .* is 1.5"),
        ({"rows": 10, "target": "voltag"}, "Did you mean 'voltage'"),
        ({"rows": 10, "target": "day_of_week_sin"}, "data.target: there is no"),
        ({"rows": 10, "features": ["Voltage"]}, "Did you mean 'voltage'"),
        ({"rows": 10, "known_ahead": ["volts"]}, "data.known_ahead: there is no feature 'volts'"),
    ],
)
def test_wrong_choices_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        household_power.load(**options)


def test_the_script_makes_a_file_that_comes_back_exactly(tmp_path, monkeypatch):
    source, output = tmp_path / "source.csv", tmp_path / "made.parquet"
    source.write_text(FIRST_LINES)
    make_household_power.main(str(source), str(output))
    monkeypatch.setattr(household_power, "PARQUET", output)
    series = household_power.load()
    np.testing.assert_array_equal(series.values[:2, :7], np.array(FIRST, np.float32))
    np.testing.assert_array_equal(np.isnan(series.values[2, :8]), True)


def test_the_script_refuses_a_source_with_a_gap(tmp_path):
    source = tmp_path / "source.csv"
    source.write_text(FIRST_LINES.replace("17:25", "17:23"))
    with pytest.raises(SystemExit, match="gap in its minutes"):
        make_household_power.main(str(source), str(tmp_path / "made.parquet"))


def test_license_and_citation_are_next_to_the_data():
    text = household_power.PARQUET.with_name("LICENSE.md").read_text()
    for word in ("CC BY 4.0", "10.24432/C58K54", "Hebrail", "Changes"):
        assert word in text
    assert "10.24432/C58K54" in inspect.getdoc(household_power)
