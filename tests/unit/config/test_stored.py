"""Stored configs of somebody else name nothing to call but what the YAML files name."""

import re

import pytest

from tests.helpers.compose import compose
from tsforecast.config.stored import as_yaml, load
from tsforecast.errors import UserError


@pytest.fixture(scope="module")
def text():
    return as_yaml(compose("model=dlinear", "tracker=none"))


def changed(tmp_path, text, pattern, value):
    path = tmp_path / "config.yaml"
    new, count = re.subn(pattern, value, text, count=1, flags=re.MULTILINE)
    assert count == 1
    path.write_text(new)
    return path


@pytest.mark.parametrize(
    ("pattern", "value", "words"),
    [
        (
            r"_target_: tsforecast\.models\.\S+",
            "_target_: os.system",
            "it names os.system, which is in no YAML",
        ),
        (r"_target_: keras\.optimizers\.\S+", "_target_: subprocess.Popen", "it names subprocess.Popen"),
        (r"_target_: tsforecast\.tracking\.\S+", "_target_: tsforecast.files.write_text", "files.write_text"),
        (r"^seed: .*", "seed: {_target_: builtins.eval}", "it names builtins.eval"),
        (r"^seed: .*", "seed: &a [1, 2]\nrun: [*a, *a]", "it has YAML aliases"),
        (r"^seed: .*", "seed: " + "[" * 5000, ""),
    ],
)
def test_a_hostile_config_is_refused_in_one_sentence(tmp_path, text, pattern, value, words):
    path = changed(tmp_path, text, pattern, value)
    with pytest.raises(UserError, match=rf"does not fit this version of tsforecast \(.*{words}"):
        load(path)


def test_a_target_of_the_users_own_folder_is_accepted(tmp_path, text, monkeypatch):
    own = tmp_path / "conf" / "model"
    own.mkdir(parents=True)
    (own / "mine.yaml").write_text("_target_: plant.models.Mine\n")
    path = changed(tmp_path, text, r"_target_: tsforecast\.models\.\S+", "_target_: plant.models.Mine")
    with pytest.raises(UserError, match=r"it names plant\.models\.Mine"):
        load(path)
    monkeypatch.setenv("TSFORECAST_CONFIG_DIR", str(own.parent))
    assert load(path).model["_target_"] == "plant.models.Mine"
