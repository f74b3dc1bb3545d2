from types import SimpleNamespace

import pytest

from tests.helpers.wandb_server import KEY, WandbServer
from tsforecast.tracking import wandb_dashboard
from tsforecast.tracking.wandb_dashboard import main


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of wandb-workspaces itself
def test_the_dashboard_has_the_sections_that_users_look_for():
    pytest.importorskip("wandb_workspaces")
    from tsforecast.tracking.wandb_dashboard import build_workspace

    made = build_workspace("team", "project")
    names = [section.name for section in made.sections]
    assert names[:4] == ["Learning curves", "Leaderboard", "Spike scorecard", "GPU memory and utilisation"]
    sent = made._to_model().model_dump_json()
    for key in ("val/rmse", "test/rmse", "test/spike_f1", "system.gpu.0.gpu"):
        assert key in sent


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_report_is_on_the_runs_of_the_study(monkeypatch):
    pytest.importorskip("wandb_workspaces")
    from tsforecast.tracking.wandb_dashboard import build_report

    with WandbServer() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        sent = build_report("team", "project", "batch_size")._to_model().model_dump_json()
    for key in ("batch_size", "val/rmse", "test/rmse", "group"):
        assert key in sent


def test_without_a_key_it_says_so_and_saves_nothing(capsys, monkeypatch):
    made = SimpleNamespace(save=lambda: pytest.fail("it would wait for a key"))
    monkeypatch.setattr(wandb_dashboard, "build_workspace", lambda *_: made)
    monkeypatch.setattr(wandb_dashboard, "find_key", lambda: False)
    assert main(["--entity", "team"]) == 2
    assert "no key was found: run 'wandb login'" in capsys.readouterr().err


def test_without_a_team_it_says_what_it_needs(capsys):
    with pytest.raises(SystemExit, match="2"):
        main([])
    assert "--entity" in capsys.readouterr().err
