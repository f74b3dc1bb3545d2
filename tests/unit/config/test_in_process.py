import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from tsforecast.config.in_process import compose_command, mistakes_as_user_errors, run_command
from tsforecast.errors import UserError


def test_a_command_is_composed_and_checked(tmp_path):
    config, folder = compose_command(["model=gru", "tracker=none", f"hydra.run.dir={tmp_path}/x"])
    assert config.model["_target_"].endswith("GRU")
    assert folder == tmp_path / "x"
    assert not folder.exists()


def test_default_folders_of_two_runs_differ(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = []
    for _ in range(3):
        _, folder = compose_command(["model=persistence", "tracker=none"])
        folder.mkdir(parents=True)
        names.append(folder.name)
    assert len(set(names)) == 3


def test_options_that_the_job_does_not_read_are_refused():
    with pytest.raises(UserError, match="job=serve does not read model"):
        compose_command(["job=serve", "model=gru"])


def test_a_refused_job_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"none\.csv"):
        run_command(["data=csv", "data.path=none.csv", "data.target=x", "tracker=none"])
    assert not list(tmp_path.iterdir())


def test_hydra_of_the_caller_is_put_back(tmp_path):
    (tmp_path / "config.yaml").write_text("caller: 1\n")
    with initialize_config_dir(str(tmp_path), version_base="1.3"):
        outer = GlobalHydra.instance().hydra
        compose_command(["model=gru", "tracker=none"])
        assert GlobalHydra.instance().hydra is outer
        assert compose("config") == {"caller": 1}


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (FileNotFoundError(2, "No such file", "a.csv"), UserError, "a.csv cannot be used .no such file."),
        (UserError("One sentence."), UserError, "One sentence."),
        (ValueError("broken"), ValueError, "broken"),
        (KeyError("broken"), KeyError, "broken"),
    ],
)
def test_errors_are_explained_or_passed_on(error, kind, message):
    with pytest.raises(kind, match=message) as caught, mistakes_as_user_errors():
        raise error
    assert isinstance(caught.value, UserError) == (kind is UserError)
