import os

import pytest

from tsforecast import config_files
from tsforecast.config_files import choices, find, folder_of_command, groups, is_group, use_folder
from tsforecast.errors import UserError
from tsforecast.installation import CONF


@pytest.fixture
def own(tmp_path):
    """A user's folder with one model and one new group."""
    for file in ("model/mine.yaml", "plant/north.yaml"):
        (tmp_path / file).parent.mkdir()
        (tmp_path / file).write_text("# Mine\n_target_: a.b.C\n")
    return tmp_path


def test_a_folder_adds_choices_and_groups(own):
    before = choices("model")
    with use_folder(own):
        assert set(choices("model")) == {*before, "mine"}
        assert is_group("plant")
        assert "plant" in groups()
        assert find("model", "mine") == own / "model/mine.yaml"
        assert find("model", "lstm") == CONF / "model/lstm.yaml"
    assert choices("model") == before
    assert not is_group("plant")
    assert find("model", "mine") is None


def test_a_folder_holds_only_inside_the_block(own, monkeypatch):
    monkeypatch.setenv("TSFORECAST_CONFIG_DIR", "other")
    with use_folder(own):
        assert os.environ["TSFORECAST_CONFIG_DIR"] == str(own)
    assert os.environ["TSFORECAST_CONFIG_DIR"] == "other"


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(UserError, match="is not a folder"), use_folder(tmp_path / "none"):
        pass


def test_models_of_other_packages_are_choices(monkeypatch):
    monkeypatch.setattr(config_files, "_plugin_models", lambda: (("offset", "plant.offset.Offset"),))
    assert "offset" in choices("model")
    assert "offset" not in choices("loss")
    assert find("model", "offset") is None


@pytest.mark.parametrize(
    ("arguments", "folder"),
    [
        ([], None),
        (["model=gru"], None),
        (["--config-dir", "a"], "a"),
        (["-cd", "a"], "a"),
        (["--config-dir=a", "x=1"], "a"),
        (["--config-dir"], None),
    ],
)
def test_the_folder_of_a_command(arguments, folder):
    assert folder_of_command(arguments) == folder
