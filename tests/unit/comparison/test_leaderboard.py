import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
import yaml

from tsforecast.comparison.leaderboard import find_cautions, rank_runs, summarize_seeds
from tsforecast.comparison.listing import format_csv, format_text
from tsforecast.comparison.page import write_page
from tsforecast.comparison.runs import Run, collect_runs, find_differences
from tsforecast.errors import UserError
from tsforecast.metrics.window_errors import WindowErrors


def make_run(folder, rmse, model="lstm", seed=0, rate=0.1, lead=10, status="done"):
    """Writes what compare reads of a run; its errors have just that RMSE."""
    folder.mkdir(parents=True)
    target = f"tsforecast.models.{model}.{model.upper()}"
    config = {
        "model": {"_target_": target, f"{model}_units": 8},
        "optimizer": {"learning_rate": rate},
        "seed": seed,
        "tracker": {"mode": str(folder)},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    result = {
        "status": status,
        "metrics": {"test/rmse": rmse, "test/mae": rmse / 2},
        "params": 10,
        "seconds": 60.0,
        "unit": "kW",
        "window": {"lead": lead, "horizon": 1},
        "data": {"hash": "h"},
        "training": {"training_seconds": 50.0 * rmse},
    }
    (folder / "result.json").write_text(json.dumps(result))
    rows = [{"step": s, "seconds": s / 10, "val/rmse": rmse + 1 / s} for s in (10, 20)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    signs = np.where(np.arange(1000) % 2, rmse, -rmse)
    WindowErrors.from_forecasts(np.arange(1000), np.zeros((1000, 1, 1)), signs[:, None, None]).save(
        folder / "errors.npz"
    )


@pytest.fixture
def sweep(tmp_path):
    make_run(tmp_path / "sweep/00", 0.7)
    make_run(tmp_path / "sweep/01", 0.6, seed=1)
    make_run(tmp_path / "sweep/02", 0.5, model="gru")
    make_run(tmp_path / "sweep/03", 0.4, status="failed")
    return tmp_path / "sweep"


def test_runs_are_found_in_a_sweep_a_glob_and_a_list_and_counted_once(sweep):
    for over in (str(sweep), f"{sweep}/*", [str(sweep / "00"), f"{sweep}/0[12]", str(sweep)]):
        runs, unfinished = collect_runs(over)
        assert sorted(run.folder.name for run in runs) == ["00", "01", "02"]
    assert unfinished == [f"{sweep / '03'} has not finished and is left out."]


def test_what_is_not_there_or_holds_no_run_is_refused(tmp_path, sweep):
    with pytest.raises(UserError, match="matches nothing"):
        collect_runs(str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="contains no finished run"):
        collect_runs(str(sweep / "03"))


def test_the_best_comes_first_and_is_named_by_what_sets_it_apart(sweep):
    board = rank_runs(collect_runs(str(sweep))[0])
    assert [entry.name for entry in board] == ["model=gru seed=0", "model=lstm seed=1", "model=lstm seed=0"]
    assert board[0].difference is None
    assert board[1].difference.value == pytest.approx(0.1, abs=1e-6)
    assert board[1].difference.excludes_zero


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("tsforecast.models.spike_detector.SpikeDetector", "spike_detector"),
        ("keras.optimizers.SGD", "sgd"),
        ("keras.optimizers.AdamW", "adamw"),
        ("tsforecast.losses.SpikeWeighted", "spike_weighted"),
        ("tsforecast.training.schedules.constant", "constant"),
        ("tsforecast.data.sources.household_power.load", "household_power"),
    ],
)
def test_what_is_built_has_the_name_that_its_group_gives_it(target, name):
    configs = [{"node": {"_target_": one, "rate": i}} for i, one in enumerate((target, "a.b.c"))]
    assert find_differences([Run(Path("x"), config, {}) for config in configs])[0] == {"node": name}


def test_what_no_training_reads_sets_runs_apart_no_more_than_the_tracker():
    configs = [
        {"job": {"name": "train"}, "seed": i, "plan": {"seconds": i}, "report": {"explain": i}, "backtest": i}
        for i in (0, 1)
    ]
    assert find_differences([Run(Path("x"), config, {}) for config in configs]) == [{"seed": 0}, {"seed": 1}]


def test_each_question_has_a_leaderboard_of_its_own(tmp_path):
    make_run(tmp_path / "a", 0.7, lead=20)
    make_run(tmp_path / "b", 0.5)
    make_run(tmp_path / "c", 0.6)
    board = rank_runs(collect_runs(str(tmp_path))[0])
    assert [(entry.rank, entry.number, entry.run.folder.name) for entry in board] == [
        (1, 0, "b"), (2, 1, "c"), (1, 2, "a"),
    ]  # fmt: skip
    assert board[1].difference is not None
    assert board[2].difference is None
    page = write_page(tmp_path / "c.html", board, [], find_cautions(board)).read_text()
    assert "lead 20, horizon" in page
    assert "2 questions, each with a leaderboard of its own" in page
    assert "Best:" not in page
    assert re.findall(r'<tr class="run c\d" data-run="(\d)"><td>(\d)', page) == [
        ("0", "1"),
        ("1", "2"),
        ("2", "1"),
    ]
    ids = re.findall(r'class="chart" id="([^"]+)"', page)
    assert len(ids) == len(set(ids)) > 3
    assert format_text(board).count("to best") == 2
    assert format_csv(board).splitlines()[0].startswith("question,rank,run")


def test_seeds_give_mean_and_spread(sweep):
    (row,) = summarize_seeds(rank_runs(collect_runs(str(sweep))[0]))
    assert (row["config"], row["seeds"]) == ("model=lstm", 2)
    assert row["test RMSE"] == pytest.approx(0.65)
    assert row["spread"] == pytest.approx(0.1 / np.sqrt(2))


def test_the_page_is_whole_and_every_mark_names_a_row(sweep, tmp_path):
    board = rank_runs(collect_runs(str(sweep))[0])
    page = write_page(tmp_path / "compare.html", board, summarize_seeds(board), ["a < b"]).read_text()
    (data,) = re.findall(
        r'<script type="application/json" id="page-data">(.*?)</script>', page, flags=re.DOTALL
    )
    charts = json.loads(data)["charts"]
    # Two learning curves and one cost: parameters are the same for all.
    assert [chart["id"] for chart in charts] == [
        "chart-curve-step",
        "chart-curve-seconds",
        "chart-cost-training_seconds",
    ]
    for chart in charts:
        assert {line[5] for line in chart["series"]} == {0, 1, 2}
        assert f'<div class="chart" id="{chart["id"]}"' in page
    (drawn,) = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    marks = {mark.get("data-run") for mark in ElementTree.fromstring(drawn).iter("g")}
    assert marks == {"0", "1", "2"}
    assert set(re.findall(r'<tr class="run c\d" data-run="(\d)">', page)) == marks
    assert "a &lt; b" in page
    without_scripts = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert "http:" not in without_scripts
    assert "https:" not in without_scripts
    assert "default-src 'none'" in page  # which keeps the scripts from loading anything
    assert "{{" not in without_scripts


def test_the_text_and_the_csv_hold_the_same_runs(sweep):
    board = rank_runs(collect_runs(str(sweep))[0])
    assert format_text(board).splitlines()[1].split()[:4] == ["1", "model=gru", "seed=0", "0.5000"]
    assert len(format_csv(board).splitlines()) == 4


def test_a_single_run_is_a_leaderboard_too(sweep, tmp_path):
    board = rank_runs(collect_runs(str(sweep / "00"))[0])
    assert [entry.name for entry in board] == ["00"]
    assert "1 runs compared" not in write_page(tmp_path / "c.html", board, [], []).read_text()


def test_runs_scored_on_other_windows_are_told_apart(sweep, tmp_path):
    assert find_cautions(rank_runs(collect_runs(str(sweep))[0])) == []
    make_run(tmp_path / "strided", 0.3)
    errors = WindowErrors.load(tmp_path / "strided/errors.npz")
    errors.select(np.arange(0, 1000, 2)).save(tmp_path / "strided/errors.npz")
    (caution,) = find_cautions(rank_runs(collect_runs([str(sweep), str(tmp_path / "strided")])[0]))
    assert "different test windows" in caution


def test_a_skill_that_is_not_known_is_a_dash(sweep, tmp_path):
    result = json.loads((sweep / "00/result.json").read_text())
    for name, skill in (("00", None), ("01", 0.25)):
        text = json.dumps({**result, "skill": {"persistence": skill}})
        (sweep / name / "result.json").write_text(text)
    page = write_page(tmp_path / "c.html", rank_runs(collect_runs(str(sweep))[0]), [], []).read_text()
    assert "+25.0 %" in page
    assert "nan" not in re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL).lower()
    assert "– %" not in page
