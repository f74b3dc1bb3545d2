from importlib import metadata

import pytest

from tsforecast import errors, installation
from tsforecast.errors import install_hint
from tsforecast.installation import COMMAND, CONF, IS_CHECKOUT, RUN_FILE, extra_requirements

STATED = [
    "numpy>=2",
    'fastapi>=0.115; extra == "serve"',
    'onnx>=1.17; extra == "export"',
    'uvicorn; extra == "serve"',
]


def test_these_tests_run_in_a_checkout():
    assert IS_CHECKOUT
    assert (CONF / "config.yaml").is_file()
    assert RUN_FILE.name == "run.py"
    assert COMMAND == "python run.py"


def test_requirements_of_extras_come_from_the_metadata(monkeypatch):
    monkeypatch.setattr(
        metadata, "requires", lambda name: STATED if name == installation.DISTRIBUTION else None
    )
    assert extra_requirements("serve") == ["fastapi>=0.115", "uvicorn"]
    assert extra_requirements("serve", "export") == ["fastapi>=0.115", "onnx>=1.17", "uvicorn"]


@pytest.mark.parametrize(
    ("extras", "hint"),
    [(("serve",), 'run `pip install "fastapi>=0.115" "uvicorn"`'), ((), "install tsforecast-lab again")],
)
def test_an_installed_package_is_completed_by_pip(monkeypatch, extras, hint):
    monkeypatch.setattr(errors, "IS_CHECKOUT", False)
    monkeypatch.setattr(metadata, "requires", lambda name: STATED)
    assert install_hint(*extras) == hint
