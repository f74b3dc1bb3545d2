"""job=benchmark from end to end, with the smallest models and in this process."""

import json

from tests.helpers.planning_config import TWO, config
from tsforecast.jobs import benchmark


def test_benchmark_times_every_model_and_the_ensemble_as_one(tmp_path, measured_modules):
    benchmark.main(config("job=benchmark", TWO), tmp_path)
    result = json.loads((tmp_path / "benchmark.json").read_text())
    (device,) = result["devices"].values()
    assert list(device["models"]) == ["nlinear", "dlinear"]
    for row in [*device["models"].values(), device["ensemble"]]:
        assert 0 < row["forecast_warm"] < row["forecast_cold"]
    assert len(measured_modules) == 3
    assert "| ensemble |" in (tmp_path / "benchmark.md").read_text()


def test_networks_of_many_series_are_timed(tmp_path, measured_modules):
    benchmark.main(config("job=benchmark", TWO, "data=household_meters", "data.rows=2000"), tmp_path)
    result = json.loads((tmp_path / "benchmark.json").read_text())
    (device,) = result["devices"].values()
    assert result["rows"] == 8000
    for row in [*device["models"].values(), device["ensemble"]]:
        assert 0 < row["forecast_warm"] < row["forecast_cold"]
