"""job=plan from end to end, with the smallest models and in this process."""

import json

import pytest

from tests.helpers.planning_config import TWO, config
from tsforecast.jobs import plan

pytestmark = pytest.mark.usefixtures("measured_modules")


def test_a_plan_covers_the_ensemble_and_every_scale(tmp_path, capsys):
    plan.main(config("job=plan", TWO, "ensemble.members=[nlinear,dlinear]"), tmp_path)
    result = json.loads((tmp_path / "plan.json").read_text())
    models = result["models"]
    assert list(models) == ["nlinear", "dlinear", "ensemble"]
    assert models["ensemble"]["params"] > models["nlinear"]["params"] + models["dlinear"]["params"]
    assert result["ensemble"]["fine_tuning"] == models["ensemble"]["training"]["step"]
    assert list(result["scales"]) == ["tiny", "full", "poc", "growth", "expansion"]  # by rows
    peaks = [scale["models"]["ensemble"]["peak"] for scale in result["scales"].values()]
    assert peaks == sorted(peaks)
    assert len(set(peaks)) == len(peaks)
    output = capsys.readouterr().out
    assert "Largest batch size at each scale" in output
    assert "too high" in output
