"""The parts of a replay that need no model: its rows, its damage, its table and where it begins."""

import numpy as np
import pytest

from tests.helpers.panel_case import make_panel
from tests.helpers.series_factory import make_series
from tsforecast.registry import Registry
from tsforecast.registry.replay import (
    _damage_newest,
    _rows_per_day,
    _totals,
    damage_series,
    find_first_champion,
    to_markdown,
)
from tsforecast.tracking.run_folder import RunFolder


@pytest.mark.parametrize("kind", ["units", "stuck", "missing"])
def test_damage_begins_at_its_row_and_leaves_the_original_alone(kind):
    series = make_series(rows=100)
    before = series.values.copy()
    damaged = damage_series(series, 60, kind)
    np.testing.assert_array_equal(series.values, before)
    np.testing.assert_array_equal(damaged.values[:60], before[:60])
    np.testing.assert_array_equal(damaged.values[:, 1], before[:, 1])
    new = damaged.values[60:, 0]
    expected = {
        "units": before[60:, 0] * 1000,
        "stuck": np.append(before[60:70, 0], np.full(30, before[70, 0])),
        "missing": np.append(before[60:70, 0], np.full(30, np.nan)),
    }
    np.testing.assert_array_equal(new, expected[kind])


@pytest.mark.parametrize(
    ("step", "season", "horizon", "rows"),
    [(60, 1440, 1, 1440), (3600, 24, 48, 48), (86_400, 7, 1, 7), (86_400, 7, 14, 14)],
)
def test_a_day_is_a_season_for_daily_rows_and_never_shorter_than_a_forecast(step, season, horizon, rows):
    class Recipe:
        window = type("Window", (), {"horizon": horizon})

        def load_series(self):
            return make_series(step=step, season=season)

    assert _rows_per_day(Recipe()) == rows


ROW = {
    "why": "",
    "rmse_with": 1.0,
    "rmse_without": 2.0,
    "squared_with": 4.0,
    "squared_without": 16.0,
    "observed": 4,
}
ROWS = [
    {"day": 1, "outcome": "unchanged", "seconds": 0.0, **ROW},
    {"day": 2, "outcome": "promoted", "seconds": 12.0, **ROW},
    {"day": 3, "outcome": "refused", "seconds": None, **ROW, "squared_with": 28.0},
]


def test_totals_are_over_all_observed_values():
    totals = _totals(ROWS)
    assert totals["with_retraining"] == pytest.approx((36 / 12) ** 0.5)
    assert totals["without_retraining"] == pytest.approx(2.0)
    assert (totals["promoted"], totals["refused"], totals["median_seconds"]) == (1, 1, 12.0)


def test_the_table_has_a_line_for_each_day_and_the_totals():
    lines = to_markdown({"days": ROWS, **_totals(ROWS)}).splitlines()
    assert lines[2:5] == [
        "| 1 | unchanged | 1.0000 | 2.0000 | 0 |  |",
        "| 2 | promoted | 1.0000 | 2.0000 | 12 |  |",
        "| 3 | refused | 1.0000 | 2.0000 | ? |  |",
    ]
    assert lines[-1].startswith(
        "RMSE over all days 1.7321 with retraining, 2.0000 without; 1 promoted, 1 refused"
    )


def test_a_replay_begins_with_the_first_champion_also_when_it_is_resumed(tmp_path):
    def add(registry, content):
        model = tmp_path / f"{content}.keras"
        model.write_text(content)
        return registry.add(model, config="", result={}, lineage={})

    service = Registry(tmp_path / "service")
    service.promote(add(service, "in service").name, "")
    folder = RunFolder.create(tmp_path / "replay")
    assert find_first_champion(folder, service).path.is_relative_to(service.path)
    copy = Registry(folder.path / "registry")
    for content in ("first", "second"):
        copy.promote(add(copy, content).name, "")
    assert find_first_champion(folder, service).path == copy.path / "versions" / "v0001"


def test_the_error_of_many_series_is_their_mase():
    rows = [{**row, "mase_with": 0.5 + 0.1 * row["day"], "mase_without": 0.9} for row in ROWS]
    totals = _totals(rows)
    assert totals["error"] == "MASE"
    assert totals["with_retraining"] == pytest.approx(0.7)
    assert totals["without_retraining"] == pytest.approx(0.9)
    lines = to_markdown({"days": rows, **totals}).splitlines()
    assert lines[0].startswith("| day | retraining | MASE with | MASE without |")
    assert lines[3] == "| 2 | promoted | 0.7000 | 0.9000 | 12 |  |"


def test_one_of_many_series_is_damaged():
    series = make_panel(lengths=(60, 80, 90), starts=(20, 0, 0))
    damaged = _damage_newest(series, 24, "units")
    np.testing.assert_array_equal(damaged.values[:-24], series.values[:-24])
    np.testing.assert_array_equal(damaged.values[-24:], series.values[-24:] * 1000)
