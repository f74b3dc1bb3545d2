"""make setup: which extras are installed, and that they stay."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """The tool with an environment in a scratch folder, which it does not fill; ``installed`` notes what it would."""
    spec = importlib.util.spec_from_file_location("set_up", ROOT / "tools" / "set_up.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "DONE", tmp_path / "set-up")
    monkeypatch.setattr(module, "BEGUN", tmp_path / "set-up-begun")
    monkeypatch.setattr(module, "PYTHON", Path(sys.executable))
    monkeypatch.setattr(module, "_create", lambda: None)
    module.installed = []
    monkeypatch.setattr(module, "_install", module.installed.append)
    return module


def test_extras_come_from_the_project_file(tool):
    assert tool._extra_requirements(["sweep", "cuda"])[0].startswith("optuna")
    assert any("tensorflow[and-cuda]" in one for one in tool._extra_requirements(["cuda"]))
    assert len(tool._extra_requirements(["dev"])) > 10
    with pytest.raises(tool.SetUpError, match="There is no extra 'srve': choose from cuda, jax,"):
        tool.set_up(False, "srve")


def test_extras_stay_without_being_named_again(tool):
    tool.set_up(False)
    tool.set_up(False)
    assert tool.installed == [[]]
    tool.set_up(False, "serve,sweep")
    tool.set_up(False, "sweep")
    tool.set_up(False)
    assert len(tool.installed) == 2
    assert {"optuna>=4", "uvicorn>=0.32"} <= set(tool.installed[1])
    tool.set_up(False, "export")
    assert {"optuna>=4", "uvicorn>=0.32", "onnx>=1.17"} <= set(tool.installed[2])


def test_an_interrupted_set_up_still_knows_its_extras(tool, monkeypatch):
    def interrupt(extras):
        raise KeyboardInterrupt

    monkeypatch.setattr(tool, "_install", interrupt)
    with pytest.raises(KeyboardInterrupt):
        tool.set_up(False, "serve")
    monkeypatch.setattr(tool, "_install", tool.installed.append)
    tool.set_up(False)
    assert any(one.startswith("fastapi") for one in tool.installed[0])
    assert not tool.BEGUN.exists()
