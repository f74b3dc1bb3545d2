import pytest

from tests.helpers.compose import compose
from tsforecast.config.instantiate import tracker_nodes, tracker_starters, with_group
from tsforecast.config.stored import as_yaml, load
from tsforecast.errors import UserError
from tsforecast.tracking.run_folder import RunFolder


def test_several_trackers_have_their_own_options(tmp_path):
    config = compose("tracker=[wandb,tensorboard]", "tracker.mode=offline")
    assert list(config.tracker) == ["wandb", "tensorboard"]
    assert config.tracker["wandb"]["mode"] == "offline"
    assert config.tracker["tensorboard"] == {"_target_": "tsforecast.tracking.tensorboard_tracker.start"}
    assert list(tracker_starters(config, RunFolder(tmp_path))) == ["wandb", "tensorboard"]
    (tmp_path / "config.yaml").write_text(as_yaml(config))
    assert load(tmp_path / "config.yaml").tracker == config.tracker


def test_a_single_tracker_is_as_before():
    config = compose("tracker=wandb")
    assert list(tracker_nodes(config.tracker)) == ["wandb"]
    assert config.tracker["_target_"] == "tsforecast.tracking.wandb_tracker.start"


def test_a_sweep_groups_the_runs_of_every_tracker_that_knows_groups():
    nodes = with_group(compose("tracker=[wandb,tensorboard]").tracker, "study")
    assert nodes["wandb"]["group"] == "study"
    assert "group" not in nodes["tensorboard"]
    assert with_group(compose("tracker.group=mine").tracker, "study")["group"] == "mine"


def test_an_option_of_none_of_them_is_refused():
    with pytest.raises(UserError, match=r"tracker\.mod is an option of none of .* Did you mean 'mode'"):
        compose("tracker=[wandb,tensorboard]", "+tracker.mod=x")
