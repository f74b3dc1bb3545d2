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
    module.install = module._install
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


def test_an_installer_shows_one_line_on_a_terminal_and_everything_if_it_fails(tool, monkeypatch, capsys):
    listing = "print('Resolved 2 packages'); print(' + numpy==2.0'); print(' + keras==3.15')"
    assert tool._call_with_progress([sys.executable, "-c", listing]) == 0
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert tool._call_with_progress([sys.executable, "-c", listing]) == 0
    shown = capsys.readouterr().out
    assert "Resolved 2 packages" in shown
    assert "numpy" not in shown
    assert "\n" not in shown
    assert tool._call_with_progress([sys.executable, "-c", f"{listing}; raise SystemExit('no space')"]) == 1
    error = capsys.readouterr().err
    assert "numpy==2.0" in error
    assert "no space" in error


def test_installed_packages_are_compiled(tool, tmp_path, monkeypatch):
    commands = []
    monkeypatch.setattr(tool, "VENV", tmp_path)
    monkeypatch.setattr(tool, "_runs", lambda *command: commands.append(command) or True)
    monkeypatch.setattr(tool, "_call_with_progress", lambda command: commands.append(command) or 0)
    tool.install([])
    assert "--compile-bytecode" in commands[2]
    assert commands[-1][1:] == ("-m", "compileall", "-q", tool.PACKAGE)
