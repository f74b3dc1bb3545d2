"""job=rehearsal from end to end, with the smallest models and in this process."""

import json

import pytest

from tests.helpers.planning_config import TWO, config
from tsforecast.errors import UserError
from tsforecast.jobs import rehearsal

pytestmark = pytest.mark.usefixtures("measured_modules")


def test_rehearsal_runs_every_size_on_its_own_rows(tmp_path):
    rehearsal.main(config("job=rehearsal", "plan.scales=[tiny,full]", TWO), tmp_path)
    result = json.loads((tmp_path / "rehearsal.json").read_text())
    small, large = result["sizes"]
    assert (small["rows"], large["rows"]) == (6000, 100_000)
    assert large["data"] > 10 * small["data"]
    for size in (small, large):
        assert set(size["models"]) == {"nlinear", "dlinear"}
        assert size["models"]["nlinear"]["step"]["median"] > 0
    assert large["models"]["nlinear"]["steps_a_pass"] > 10 * small["models"]["nlinear"]["steps_a_pass"]
    assert "| limit | rows | date |" in (tmp_path / "rehearsal.md").read_text()


def test_rehearsal_of_many_series_measures_shares_of_them(tmp_path):
    panel = ["data=household_meters", "data.rows=2000", "plan.models=[nlinear]"]
    rehearsal.main(config("job=rehearsal", *panel), tmp_path)
    sizes = json.loads((tmp_path / "rehearsal.json").read_text())["sizes"]
    assert [size["rows"] for size in sizes] == [2000, 4000, 8000]
    steps = [size["models"]["nlinear"]["steps_a_pass"] for size in sizes]
    assert steps[0] < steps[1] < steps[2]


def test_rehearsal_needs_sizes_to_compare(tmp_path):
    with pytest.raises(UserError, match="at least two sizes"):
        rehearsal.main(config("job=rehearsal", "plan.scales=[tiny]"), tmp_path)
