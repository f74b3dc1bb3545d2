"""A whole distillation: a tiny teacher, a smaller student, both in one table; a teacher of another task refused."""

import pytest

from tests.helpers.command_runs import run_fresh

pytestmark = pytest.mark.slow

TINY = ["scale=tiny", "training=quick", "tracker=none", "window.lookback=20", "training.supervision=last"]


def test_student_is_scored_along_with_its_teacher(tmp_path):
    teacher = run_fresh(*TINY, "model=dlinear", "hydra.run.dir=teacher", cwd=tmp_path)
    assert teacher.code == 0, teacher.err
    asked = ["job=distill", "run=teacher", "model=nlinear", *TINY]
    refused = run_fresh(*asked, "window.lead=3", cwd=tmp_path)
    assert refused.code == 2
    assert "teacher was trained with window.lead=10, and the student's is 3" in refused.err
    short = [option for option in asked if not option.startswith(("scale=", "window."))]
    before = {path.name: path.read_bytes() for path in (tmp_path / "teacher").iterdir() if path.is_file()}
    done = run_fresh(*short, cwd=tmp_path)  # data and window are the teacher's, the folder is not
    assert done.code == 0, done.err
    assert {
        path.name: path.read_bytes() for path in (tmp_path / "teacher").iterdir() if path.is_file()
    } == before
    rows = done.result["distilled"]
    assert [row["model"] for row in rows] == ["teacher (teacher)", "student"]
    assert rows[0]["RMSE"] == teacher.result["metrics"]["test/rmse"]
    assert rows[1]["RMSE"] == done.result["metrics"]["test/rmse"]
    assert rows[1]["params"] < rows[0]["params"]
