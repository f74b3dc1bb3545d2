"""The page of all models: its figures are the runs', its verdicts those of paired intervals."""

import json

import numpy as np
import pytest
import yaml

from tsforecast.comparison.model_table import write_model_table
from tsforecast.errors import UserError
from tsforecast.metrics.window_errors import WindowErrors

ENDS = np.arange(2000)


def make_run(folder, model, scale, seed=0, lead=10):
    """What the page reads of a run; its errors are ``scale`` times the same noise, but for a little of its own."""
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(
        yaml.safe_dump(
            {
                "model": {"_target_": f"tsforecast.models.{model}.{model.upper()}"},
                "training": {"max_minutes": 4, "max_steps": None, "max_epochs": None},
                "seed": seed,
            }
        )
    )
    noise = np.random.default_rng(0).normal(size=2000) + 0.01 * np.random.default_rng(seed).normal(size=2000)
    errors = WindowErrors.from_forecasts(ENDS, np.zeros((2000, 1, 1)), scale * noise[:, None, None])
    errors.save(folder / "errors.npz")
    rmse = float(np.sqrt(np.mean((scale * noise) ** 2)))
    result = {
        "status": "done",
        "params": 1234,
        "users_estimate": 2000 if model == "lstm" else None,
        "metrics": {"test/rmse": rmse, "test/mae": rmse / 2, "test/spike_f1": 0.25},
        "skill": {"persistence": 0.125},
        "unit": "kW",
        "device": "a CPU",
        "versions": {"keras": "3"},
        "commit": "abc",
        "window": {"lookback": 100, "lead": lead, "horizon": 1},
        "data": {"hash": "h", "rows": 5000, "name": "power"},
        "training": {"training_seconds": 240.0},
        "latency_ms": {"median": 1.5},
    }
    (folder / "result.json").write_text(json.dumps(result))
    return rmse


def test_the_page_holds_the_figures_and_says_who_is_better(tmp_path):
    rmse = make_run(tmp_path / "runs/0", "lightgbm", 0.9)
    make_run(tmp_path / "runs/1", "lstm", 0.8, seed=1)
    make_run(tmp_path / "runs/2", "lstm", 0.82, seed=2)
    make_run(tmp_path / "runs/3", "gru", 0.9)
    make_run(tmp_path / "runs/4", "persistence", 1.0)
    page = tmp_path / "docs" / "results.md"
    text = write_model_table(str(tmp_path / "runs"), page, "python run.py -m experiment=model_table")
    assert page.read_text() == text
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in text.splitlines() if " | " in line}
    assert list(rows)[1] == "lstm"
    assert list(rows)[-1] == "persistence"
    assert f"| {rmse:.4f} |" in rows["lightgbm"]
    assert "| 1,234 | 2,000 | 2 |" in rows["lstm"]
    assert "+12.5 %" in rows["lstm"]
    assert "| 0.250 | 240 | 1.50 |" in rows["lstm"]
    assert " ± " in rows["lstm"]
    assert " ± " not in rows["gru"]
    assert (
        "Better than lightgbm: lstm. Worse than lightgbm: persistence. No significant difference: gru."
        in text
    )
    assert "Better than persistence: lstm" in text
    assert "`python run.py -m experiment=model_table`" in text
    assert "4 minutes" in text


def test_runs_on_different_tasks_make_no_table(tmp_path):
    make_run(tmp_path / "runs/0", "lstm", 0.9)
    make_run(tmp_path / "runs/1", "gru", 0.9, lead=5)
    with pytest.raises(UserError, match="same data, lead and horizon"):
        write_model_table(str(tmp_path / "runs"), tmp_path / "page.md", "command")
