"""What must work on systems and in environments that lack something."""

import json

import pytest

from tests.helpers.hidden_modules import run_without
from tests.unit.test_architecture import IMPORTS

POSIX = ("fcntl", "resource", "pwd", "grp", "termios", "pty", "tty")
IMPORT_ALL = """
import importlib, pkgutil, tsforecast
names = [info.name for info in pkgutil.walk_packages(tsforecast.__path__, "tsforecast.")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
print(len(names))
"""
CHAIN = """
import numpy as np, pyarrow as pa, tsforecast
rows = pa.table({"time": np.arange("2024-01-01", "2024-01-20", dtype="datetime64[h]").astype("datetime64[ms]"),
                 "load": np.arange(456.0) % 24})
run = tsforecast.train(rows, "load", "persistence", {"training": "quick", "device": "cpu", "window.lookback": 24,
                                                           "training.warmup_steps": 5})
print(run.promote().predict(rows).num_rows, len(tsforecast.compare(run).rows))
"""
READ = """
import tsforecast
from tsforecast.registry import Registry
board = tsforecast.compare("runs")
print([row["rmse"] for row in board.rows], board.best.skill, tsforecast.Run("runs/a").metrics["test/rmse"])
print(len(board._repr_html_()) > 100, Registry("registry").versions())
sys.argv[1:] = ["job=compare", "over=runs", "hydra.run.dir=board"]
from tsforecast.command import main
print(main())
"""


def test_posix_modules_are_imported_inside_functions_only():
    outside = [str(found) for found in IMPORTS if found.top in POSIX and not found.in_function]
    assert not outside
    assert [found for found in IMPORTS if found.top in POSIX]


@pytest.mark.slow
def test_train_predict_and_compare_do_without_fcntl_and_resource(tmp_path):
    """As on Windows."""
    out = run_without(("fcntl", "resource"), IMPORT_ALL + CHAIN, tmp_path).splitlines()
    assert int(out[0]) > 400
    assert out[-1] == "1 1"


def test_results_comparisons_and_the_registry_are_read_without_tensorflow(tmp_path):
    for name, rmse in (("a", 0.5), ("b", 0.4)):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "config.yaml").write_text(f"model: {{_target_: a.{name}.C}}\n")
        result = {
            "status": "done",
            "metrics": {"test/rmse": rmse, "test/mae": rmse},
            "skill": {"persistence": 0.1},
        }
        (tmp_path / "runs" / name / "result.json").write_text(json.dumps({**result, "params": 3}))
    out = run_without(("tensorflow", "keras", "jax", "torch"), READ, tmp_path).splitlines()
    assert out[0] == "[0.4, 0.5] {'persistence': 0.1} 0.5"
    assert out[1] == "True []"
    assert out[-1] == "0"
    assert (tmp_path / "board/compare.html").is_file()
