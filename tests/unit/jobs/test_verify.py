"""job=verify from end to end, with the smallest models and in this process."""

import json

from tests.helpers.planning_config import config
from tsforecast.jobs import verify


def test_verify_measures_only_what_is_missing_and_writes_the_table(tmp_path, measured_modules):
    command = config("job=verify", "plan.models=[nlinear]", "plan.policies=[float32]", "plan.batches=[64]")
    verify.main(command, tmp_path)
    result = json.loads((tmp_path / "verify.json").read_text())["ratios"]
    assert [row["step"] for row in result] == ["train", "infer"]
    assert all(row["measured"] > 0 for row in result)
    assert "| nlinear |" in (tmp_path / "verify.md").read_text()
    verify.main(command, tmp_path)
    assert len(measured_modules) == 1  # nothing was missing


def test_networks_of_many_series_are_measured(tmp_path, measured_modules):
    panel = ["data=household_meters", "data.rows=2000", "plan.models=[nlinear]"]
    verify.main(config("job=verify", *panel, "plan.policies=[float32]", "plan.batches=[64]"), tmp_path)
    result = json.loads((tmp_path / "verify.json").read_text())["ratios"]
    assert [row["step"] for row in result] == ["train", "infer"]
    assert all(row["measured"] > 0 for row in result)
