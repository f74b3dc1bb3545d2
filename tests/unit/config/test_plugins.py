"""A user's own folder of YAML files, on the command line and in composing."""

import subprocess
import sys

from hydra import compose, initialize_config_dir

from tests.helpers.command_runs import RUN
from tsforecast import config_files
from tsforecast.config.groups import choice
from tsforecast.config.plugins import register_plugins
from tsforecast.installation import CONF

MINE = "# Mine, for a test\n_target_: tsforecast.models.gru.GRU\nunits: [4]\n"


def own_folder(path):
    (path / "model").mkdir()
    (path / "model/mine.yaml").write_text(MINE)
    return path


def test_a_choice_of_the_own_folder_is_composed(tmp_path):
    with config_files.use_folder(own_folder(tmp_path)):
        assert choice("model", "mine")["units"] == [4]


def test_a_model_of_another_package_has_the_defaults_of_its_signature(monkeypatch):
    target = "tsforecast.models.nlinear.NLinear"
    monkeypatch.setattr(config_files, "_plugin_models", lambda: (("linear_of_a_plugin", target),))
    register_plugins()
    register_plugins()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        node = compose("config", ["model=linear_of_a_plugin"]).model
    assert node == {"_target_": target, "embedding": None, "spike_head": False, "spike_weight": 0.5}


def test_help_and_config_of_the_command_line_know_the_own_folder(tmp_path):
    own_folder(tmp_path)

    def run(*words):
        command = [sys.executable, str(RUN), "--config-dir", str(tmp_path), *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    assert "Mine, for a test" in run("--help").stdout
    assert "units:\n- 4" in run("model=mine", "--cfg", "job", "--package", "model").stdout
    wrong = run("model=mime")
    assert wrong.returncode == 2
    assert "Did you mean 'mine'?" in wrong.stderr
