import sys
from types import ModuleType, SimpleNamespace

import pytest

from tsforecast.tracking.notebook_bar import in_notebook, render_bar
from tsforecast.tracking.progress import TrainingProgress


@pytest.fixture
def shown(monkeypatch):
    """What a notebook would show, with a stand-in for IPython."""
    shown = []
    ipython, display = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython = lambda: SimpleNamespace(config={"IPKernelApp": {}})
    display.HTML = str
    handle = SimpleNamespace(update=shown.append)
    display.display = lambda content, display_id: handle
    ipython.display = display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return shown


def test_a_terminal_of_ipython_is_not_a_notebook(shown, monkeypatch):
    assert in_notebook()
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: SimpleNamespace(config={}))
    assert not in_notebook()


def test_a_training_in_a_notebook_has_a_bar_that_is_removed(shown, capsys):
    now = [0.0]
    progress = TrainingProgress(total_steps=4, clock=lambda: now[0])
    progress.begin_epoch(1)
    for step in (1, 2):
        now[0] += 1.0
        progress.step_done(step, {"loss": 0.5})
    progress.end_epoch({"loss": 0.5})
    progress.close()
    assert len(shown) == 3
    assert 'value="2" max="4"' in shown[1]
    assert "loss 0.5000" in shown[1]
    assert shown[-1] == ""
    assert capsys.readouterr().out.startswith("epoch 1  step 2")


def test_a_training_that_only_time_ends_has_a_bar_without_an_end():
    assert render_bar(None, 1, 1200, "<x>") == "<progress></progress> epoch 1, step 1,200, &lt;x&gt;"
