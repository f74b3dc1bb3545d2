"""The notebooks in docs/tutorials run from the first cell to the last, on little data."""

import ast
import json
import os

import matplotlib.figure
import pytest

from tests.helpers.hidden_modules import ROOT

pytestmark = pytest.mark.slow

NOTEBOOKS = sorted((ROOT / "docs/tutorials").glob("*.ipynb"))
TINY = {
    "ROWS": 2000,
    "STEPS": 6,
    "METERS": 3,
    "LOOKBACKS": [20],
    "RETRAINING_STEPS": 3,
}


def cells(path):
    """Source and tags of each code cell."""
    for cell in json.loads(path.read_text())["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            yield "".join(cell["source"]), cell["metadata"].get("tags", [])


def run_cell(source, names):
    """Run a cell; return the value of its last line if that is an expression, as a notebook shows it."""
    *before, last = ast.parse(source).body
    exec(compile(ast.Module(before, []), "<cell>", "exec"), names)
    if isinstance(last, ast.Expr):
        return eval(compile(ast.Expression(last.value), "<cell>", "eval"), names)
    exec(compile(ast.Module([last], []), "<cell>", "exec"), names)
    return None


def test_there_is_a_notebook_for_each_step():
    assert [path.stem for path in NOTEBOOKS] == [
        "1_first_forecast",
        "2_your_own_csv",
        "3_many_series",
        "4_spikes_and_intervals",
        "5_a_sweep",
        "6_into_service",
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_runs(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    )
    names, shown = {}, []
    for source, tags in cells(path):
        value = run_cell(source, names)
        if "parameters" in tags:
            names |= {name: TINY.get(name, value) for name, value in names.items() if name.isupper()}
        if value is not None:
            shown.append(value)
        if isinstance(value, matplotlib.figure.Figure):
            assert value._repr_png_().startswith(b"\x89PNG")
        elif hasattr(value, "_repr_html_"):
            assert value._repr_html_().startswith("<")
    assert len(shown) >= 2
    if "sweep" not in path.stem and "service" not in path.stem and "series" not in path.stem:
        assert any(isinstance(value, matplotlib.figure.Figure) for value in shown)
