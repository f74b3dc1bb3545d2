"""The table "Adding a part" in CONTRIBUTING.md is true: adding parts to a copy touches only the files it names."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODEL = '''
"""A model for this test: persistence with a trainable offset."""

import keras

from tsforecast.layers.anchor import Anchor
from tsforecast.layers.linear import TargetHistory, TimeLinear
from tsforecast.models.forecaster import Forecaster
from tsforecast.models.task import Task


@keras.saving.register_keras_serializable(package="tsforecast")
class Offset(Forecaster):
    """A linear map of the history, added to the last value."""

    def __init__(self, task: Task):
        past = task.input_tensor()
        change = TimeLinear(task.horizon, task.quantile_levels, name="map")(TargetHistory(task.target_indices)(past))
        super().__init__(task=task, past=past, forecast=Anchor(task.target_indices)(change, past))
'''
METRIC = '''

def largest_error(errors: PointErrors) -> float:
    """Return the largest absolute error."""
    return float(np.max(np.abs(errors.error), where=errors.observed, initial=0.0))
'''
METRIC_ENTRY = (
    'Metric(name="largest_error", label="Largest error", source="values", unit="target", better="lower", '
    "compute=point.largest_error),\n        "
)
WEIGHTING = '''
"""A weighting for this test: all weight on the first member."""

import numpy as np

from tsforecast.ensemble.weighting import Weighting


class FirstMember(Weighting):
    """Use the first member only."""

    def fit(self, fitting, holdout, *, loss, seed, log):
        """Set the weights."""
        self.layer.set(np.eye(self.members)[0])
'''
TRACKER = '''
"""A tracker for this test: appends rows to a file."""

import json
from contextlib import contextmanager

from tsforecast.tracking.null_tracker import NullTracker


class NotebookTracker(NullTracker):
    """Append every row to ``notebook.txt``."""

    def __init__(self, path):
        self.path = path

    def log(self, row, step):
        """Append a row."""
        with self.path.open("a") as file:
            file.write(json.dumps({"step": step}) + "\\n")


@contextmanager
def start(config, folder, name, group=None):
    """Yield a tracker."""
    yield NotebookTracker(folder.path / "notebook.txt")
'''
SECTION = '''
"""A section for this test."""

from tsforecast.reporting.elements import Section, Table

ORDER = 15


def build(report):
    """Return a table of one row."""
    return [Section("Colophon", [Table.from_records([{"model": report.result["model"]}])], "Set in this test.")]
'''
QUICK = [
    "data=synthetic",
    "data.rows=2000",
    "window.lookback=24",
    "training=quick",
    "training.warmup_steps=6",
    "device=cpu",
]


def named_files(part: str) -> set[str]:
    """The files that the table names for a part."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    row = re.search(rf"^\| {part} \* \| (.+?) \| ", text, re.MULTILINE)
    assert row, f"the table has no row for '{part} *'"
    return set(re.findall(r"`((?:tsforecast|conf)/[\w/]+\.(?:py|yaml))`", row[1]))


class Copy:
    """A copy of the project, and which files of it were touched for which part."""

    def __init__(self, folder: Path):
        self.folder = folder
        for name in ("tsforecast", "conf", "experiments"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "run.py", folder)

    def write(self, name: str, text: str) -> None:
        target = self.folder / name
        assert not target.exists()
        target.write_text(text.lstrip("\n"), encoding="utf-8")

    def append(self, name: str, text: str) -> None:
        with (self.folder / name).open("a", encoding="utf-8") as file:
            file.write(text)

    def insert(self, name: str, before: str, text: str) -> None:
        path = self.folder / name
        content = path.read_text(encoding="utf-8")
        assert content.count(before) == 1
        path.write_text(content.replace(before, text + before), encoding="utf-8")

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "run.py", *QUICK, *arguments], cwd=self.folder, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    copy = Copy(tmp_path_factory.mktemp("project"))
    copy.write("tsforecast/models/offset.py", MODEL)
    copy.write("conf/model/offset.yaml", "# A test's model\n_target_: tsforecast.models.offset.Offset\n")
    copy.append("tsforecast/metrics/point.py", METRIC)
    copy.insert("tsforecast/metrics/table.py", 'Metric(name="mse"', METRIC_ENTRY)
    copy.write("tsforecast/ensemble/weightings/first_member.py", WEIGHTING)
    copy.write("tsforecast/tracking/notebook_tracker.py", TRACKER)
    copy.write(
        "conf/tracker/notebook.yaml", "# A file\n_target_: tsforecast.tracking.notebook_tracker.start\n"
    )
    copy.write("tsforecast/reporting/sections/colophon.py", SECTION)
    return copy


@pytest.mark.parametrize(
    ("part", "files"),
    [
        ("model", {"tsforecast/models/NAME.py", "conf/model/NAME.yaml"}),
        ("metric", {"tsforecast/metrics/table.py", "tsforecast/metrics/point.py"}),
        ("ensemble weighting", {"tsforecast/ensemble/weightings/NAME.py"}),
        ("tracker", {"tsforecast/tracking/NAME_tracker.py", "conf/tracker/NAME.yaml"}),
        ("report section", {"tsforecast/reporting/sections/NAME.py"}),
    ],
)
def test_the_table_names_the_files_that_are_touched_here(part, files):
    assert named_files(part) == files


@pytest.mark.slow
def test_a_new_model_metric_tracker_and_section_work(project, tmp_path):
    project.run("model=offset", "tracker=notebook", f"hydra.run.dir={tmp_path}")
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["model"] == "offset"
    assert result["metrics"]["test/largest_error"] >= result["metrics"]["test/rmse"]
    assert (tmp_path / "notebook.txt").read_text().count("step") == 2
    report = (tmp_path / "report.html").read_text()
    assert "Colophon" in report
    assert "Largest error" in report


@pytest.mark.slow
def test_a_new_weighting_works(project, tmp_path):
    project.run(
        "job=ensemble", "ensemble.members=[offset,nlinear]", "ensemble.weighting=first_member",
        "ensemble.fine_tune_steps=0", "tracker=none", f"hydra.run.dir={tmp_path}",
    )  # fmt: skip
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["ensemble"]["mean_weights"] == pytest.approx({"offset": 1.0, "nlinear": 0.0}, abs=1e-6)
