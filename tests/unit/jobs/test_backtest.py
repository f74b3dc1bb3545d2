"""Backtests: what each origin knew, that nothing later changes its figures, and going on after an interruption."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from tests.helpers.backtest_case import HORIZON, LEAD, ORIGINS, config_of, origins_of, series
from tsforecast.errors import UserError
from tsforecast.jobs import backtest
from tsforecast.metrics.window_errors import WindowErrors
from tsforecast.models.io import load_model


def blocks_of(folder):
    return [one["rows"]["test"] for one in origins_of(folder)]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished backtest for each way of refitting a model that is fitted without training steps."""
    folders = {refit: tmp_path_factory.mktemp(refit) / "run" for refit in ("none", "full")}
    for refit, folder in folders.items():
        backtest.main(config_of(refit), folder)
    return folders


@pytest.mark.parametrize("refit", ["none", "full"])
def test_rows_after_a_block_change_nothing_of_its_figures(done, tmp_path, refit):
    last = blocks_of(done[refit])[1][1]
    backtest.main(config_of(refit, changed_from=last), tmp_path / "run")
    before, after = origins_of(done[refit]), origins_of(tmp_path / "run")
    assert before[:2] == after[:2]
    assert before[2]["metrics"] != after[2]["metrics"]


@pytest.mark.parametrize("refit", ["none", "full"])
def test_a_model_has_seen_no_row_after_its_origin(done, refit):
    for number, one in enumerate(origins_of(done[refit]), start=1):
        folder = done[refit] / "origins" / f"{1 if refit == 'none' else number:03}"
        saw = load_model(folder / "best.keras").saw
        origin = one["rows"]["test"][0] - LEAD
        assert saw["train"] == one["rows"]["train"][1] - 1 or refit == "none"
        assert max(saw.values()) <= origin
    assert len(list((done["none"] / "origins").glob("*/best.json"))) == 1


def test_blocks_follow_each_other_over_the_whole_test_split(done):
    errors = [WindowErrors.load(done["full"] / "origins" / f"{n:03}" / "errors.npz") for n in (1, 2, 3)]
    rows = np.concatenate([part.ends for part in errors])
    np.testing.assert_array_equal(rows, np.arange(420 - LEAD, 700 - LEAD - HORIZON + 1))
    np.testing.assert_array_equal(WindowErrors.load(done["full"] / "errors.npz").ends, rows)


def test_a_full_refit_has_its_own_scaling_and_the_others_keep_the_first_scaling(done):
    def mean_of(folder):
        return load_model(folder / "best.keras").metadata["scaler"]["mean"][0]

    means = [mean_of(done["full"] / "origins" / f"{n:03}") for n in (1, 2, 3)]
    stops = [one["rows"]["train"][1] for one in origins_of(done["full"])]
    expected = [series().values[:stop, 0].mean() for stop in stops]
    assert means == pytest.approx(expected, rel=1e-6)
    assert len(set(means)) == ORIGINS
    assert mean_of(done["none"] / "origins" / "001") == means[0]


def test_spread_is_that_of_the_origins(done):
    result = json.loads((done["full"] / "backtest.json").read_text())
    for figures, pick in (
        ("metrics", lambda part: part["metrics"]["test/rmse"]),
        ("baselines", lambda part: part["baselines"]["seasonal_naive"]["test/mae"]),
    ):
        values = [pick(one) for one in result["origins"]]
        assert pick(result["mean"]) == pytest.approx(np.mean(values)), figures
        assert pick(result["std"]) == pytest.approx(np.std(values, ddof=1)), figures
    assert result["status"] == "done"
    assert result["metrics"] == result["mean"]["metrics"]


def test_figures_are_those_of_the_windows(done):
    for number, one in enumerate(origins_of(done["none"]), start=1):
        kept = WindowErrors.load(done["none"] / "origins" / f"{number:03}" / "errors.npz")
        rmse = np.sqrt(kept.squared.sum() / kept.count.sum())
        assert one["metrics"]["test/rmse"] == pytest.approx(rmse, rel=1e-5)
        assert one["windows"] == len(kept.ends)


def test_the_page_tells_of_every_origin(done):
    html = (done["full"] / "report.html").read_text(encoding="utf-8")
    assert "Backtest of backtest_case on wave" in html
    assert "trained from scratch at each origin" in html
    assert html.count('class="fill"') == ORIGINS
    for one in json.loads((done["full"] / "backtest.json").read_text())["origins"]:
        assert one["known_until"].replace("T", " ")[:16] in html


def test_finished_origins_are_not_run_again(done, tmp_path, capsys):
    folder = tmp_path / "run"
    backtest.main(config_of("full"), folder)
    expected = origins_of(folder)
    for name in ("result.json", "backtest.json", "origins/003/origin.json"):
        (folder / name).unlink()
    kept = {n: (folder / "origins" / n / "origin.json").stat().st_mtime_ns for n in ("001", "002")}
    config = config_of("full")
    config = dataclasses.replace(config, resume=str(folder))
    capsys.readouterr()
    backtest.main(config, folder)
    assert origins_of(folder) == expected == origins_of(done["full"])
    assert kept == {n: (folder / "origins" / n / "origin.json").stat().st_mtime_ns for n in kept}
    shown = capsys.readouterr().out
    assert "Origin 3 of 3" in shown
    assert "Origin 2 of 3" not in shown
    with pytest.raises(UserError, match="is finished"):
        backtest.main(config, folder)


PANEL = {"_target_": "tests.helpers.backtest_case.panel"}


@pytest.fixture(scope="module")
def panel_done(tmp_path_factory):
    """A finished backtest of many series."""
    folder = tmp_path_factory.mktemp("panel") / "run"
    backtest.main(config_of("full", **PANEL), folder)
    return folder


def test_later_rows_of_no_series_change_a_block_of_many(panel_done, tmp_path):
    last = blocks_of(panel_done)[1][1]
    backtest.main(config_of("full", **PANEL, changed_from=last), tmp_path / "run")
    before, after = origins_of(panel_done), origins_of(tmp_path / "run")
    assert before[:2] == after[:2]
    assert before[2]["metrics"] != after[2]["metrics"]


def test_figures_of_many_series_are_means_over_series_and_origins(panel_done):
    result = json.loads((panel_done / "backtest.json").read_text())
    for one in result["origins"]:
        mase = [figures["mase"] for figures in one["series"].values()]
        assert one["metrics"]["test/mase"] == pytest.approx(np.mean(mase))
    per_origin = [one["metrics"]["test/mase"] for one in result["origins"]]
    assert result["mean"]["metrics"]["test/mase"] == pytest.approx(np.mean(per_origin))
    assert result["std"]["metrics"]["test/mase"] == pytest.approx(np.std(per_origin, ddof=1))
    of_a = [one["series"]["a"] for one in result["origins"]]
    assert result["series"]["a"]["mase"] == pytest.approx(np.mean([one["mase"] for one in of_a]))
    assert result["series"]["a"]["windows"] == sum(one["windows"] for one in of_a)
    errors = WindowErrors.load(panel_done / "errors.npz")
    assert len(errors.ends) == sum(one["windows"] for one in result["origins"])
    assert (np.diff(errors.ends) > 0).all()
    rmse = np.sqrt(errors.squared.sum() / errors.count.sum())
    assert rmse == pytest.approx(
        np.sqrt(np.mean([one["metrics"]["test/rmse"] ** 2 for one in result["origins"]])), rel=0.01
    )


def test_the_page_shows_one_of_many_series(panel_done):
    html = (panel_done / "report.html").read_text(encoding="utf-8")
    assert "whose MASE is the middle one" in html
    assert "All series" in html


def test_an_interrupted_backtest_of_many_series_goes_on(panel_done, tmp_path, capsys):
    folder = tmp_path / "run"
    shutil.copytree(panel_done, folder)
    for name in ("result.json", "backtest.json", "origins/003/origin.json"):
        (folder / name).unlink()
    capsys.readouterr()
    backtest.main(dataclasses.replace(config_of("full", **PANEL), resume=str(folder)), folder)
    assert origins_of(folder) == origins_of(panel_done)
    shown = capsys.readouterr().out
    assert "Origin 2 of 3" not in shown
    assert ", MASE 0." in shown


def test_a_series_that_begins_too_late_is_left_out_by_name(panel_done):
    result = json.loads((panel_done / "result.json").read_text())
    assert list(result["series"]) == ["a", "b", "c"]
    assert "left out: &#39;d&#39;" in (panel_done / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"refit": "warm"}, "can only be fitted from scratch: use backtest.refit=full or none"),
        (
            {"refit": "none", "overrides": ["backtest.origins=400"]},
            "origins=400 is more than the 279 windows",
        ),
        (
            {"refit": "none", "gap": [430, 500], "overrides": ["backtest.origins=9"]},
            "never observed in block 2",
        ),
        (
            {"refit": "warm", "fitted": False, "overrides": ["backtest.origins=20"]},
            "13 new windows to train on at origin 2, and training.batch_size is 32",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_written(tmp_path, config, message):
    overrides = config.pop("overrides", [])
    with pytest.raises(UserError, match=message):
        backtest.main(config_of(config.pop("refit"), *overrides, **config), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_warm_weights_go_on_and_see_nothing_later(tmp_path):
    """The first origin's weights are the second's start, and what lies after a block changes nothing of it."""
    backtest.main(config_of("warm", fitted=False), tmp_path / "one")
    last = blocks_of(tmp_path / "one")[1][1]
    backtest.main(config_of("warm", fitted=False, changed_from=last), tmp_path / "two")
    one, two = origins_of(tmp_path / "one"), origins_of(tmp_path / "two")
    assert one[:2] == two[:2]
    assert one[2]["metrics"] != two[2]["metrics"]
    trained = json.loads((tmp_path / "one" / "backtest.json").read_text())["origins"]
    assert [origin["training"]["how"] for origin in trained] == ["from scratch", "warm", "warm"]


@pytest.mark.slow
def test_an_interruption_inside_an_origin_changes_no_figure(tmp_path, monkeypatch):
    from tsforecast.training.callbacks import BudgetCallback

    backtest.main(config_of("full", fitted=False), tmp_path / "whole")
    folder, asked = tmp_path / "cut", []
    plain = BudgetCallback.on_train_batch_end

    def interrupting(self, batch, logs=None):
        asked.append(batch)
        self.progress.interrupted = len(asked) == 6 + 4  # the fourth step of the second origin
        plain(self, batch, logs)

    with monkeypatch.context() as patched:
        patched.setattr(BudgetCallback, "on_train_batch_end", interrupting)
        with pytest.raises(KeyboardInterrupt):
            backtest.main(config_of("full", fitted=False), folder)
    assert json.loads((folder / "result.json").read_text())["status"] == "interrupted"
    assert len(origins_of(folder)) == 1
    config = config_of("full", fitted=False)
    config = dataclasses.replace(config, resume=str(folder))
    backtest.main(config, folder)
    assert origins_of(folder) == origins_of(tmp_path / "whole")
