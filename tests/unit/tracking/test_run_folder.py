import errno
import json
import math
import os
import subprocess

import numpy as np
import pytest

from tsforecast.errors import UserError
from tsforecast.tracking import run_folder
from tsforecast.tracking.run_folder import RunFolder, git_commit, git_root


@pytest.fixture
def folder(tmp_path):
    return RunFolder.create(tmp_path / "run")


def failing(error_number):
    def fail(*arguments, **options):
        raise OSError(error_number, os.strerror(error_number))

    return fail


def test_create_makes_parents_and_leaves_nothing_behind(tmp_path):
    folder = RunFolder.create(tmp_path / "a" / "b")
    assert list(folder.path.iterdir()) == []
    RunFolder.create(folder.path)  # an existing one is fine


def test_create_names_the_reason_when_a_file_is_in_the_way(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match=r"file/run \(not a directory\): choose a writable one"):
        RunFolder.create(tmp_path / "file" / "run")


def test_create_names_missing_permission(tmp_path, monkeypatch):
    monkeypatch.setattr(run_folder.Path, "write_bytes", failing(errno.EACCES))
    with pytest.raises(UserError, match="permission denied"):
        RunFolder.create(tmp_path / "run")


def test_existing_wants_the_config_of_a_run(folder):
    with pytest.raises(UserError, match=r"contains no config\.yaml"):
        RunFolder.existing(folder.path)
    with pytest.raises(UserError, match="is not a folder"):
        RunFolder.existing(folder.path / "nowhere")
    folder.write_text_atomic("config.yaml", "a: 1\n")
    assert RunFolder.existing(folder.path).config.read_text() == "a: 1\n"


@pytest.mark.parametrize("call", ["replace", "fsync"])
def test_a_full_disk_leaves_the_old_file_and_says_so(folder, monkeypatch, call):
    folder.write_json("result.json", {"old": 1})
    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing(errno.ENOSPC))
        with pytest.raises(UserError, match=r"is full: make room .* nothing already saved is lost"):
            folder.write_json("result.json", {"new": 2})
    assert json.loads(folder.result.read_text()) == {"old": 1}
    assert [file.name for file in folder.path.iterdir()] == ["result.json"]


def test_json_holds_null_for_what_is_not_finite(folder):
    value = {
        "nan": math.nan,
        "inf": [np.inf],
        "f32": np.float32(0.5),
        "i64": np.int64(3),
        "array": np.array([1.0, np.nan]),
        "yes": True,
        "path": folder.path,
        1: (None, "x"),
    }
    folder.write_json("result.json", value)
    assert json.loads(folder.result.read_text()) == {
        "nan": None,
        "inf": [None],
        "f32": 0.5,
        "i64": 3,
        "array": [1.0, None],
        "yes": True,
        "path": str(folder.path),
        "1": [None, "x"],
    }


def test_metrics_come_back_in_order(folder):
    assert folder.read_metrics() == []
    folder.append_metrics({"step": 1, "loss": math.nan})
    folder.append_metrics({"step": 2, "loss": np.float32(0.25)})
    assert folder.read_metrics() == [{"step": 1, "loss": None}, {"step": 2, "loss": 0.25}]


@pytest.mark.parametrize("torn", ['{"step": 3, "lo', '{"step": 3, "note": "ü'.encode()[:-1], "{", "3"])
def test_a_torn_last_line_is_left_out_and_mended_by_the_next_one(folder, torn):
    folder.append_metrics({"step": 1})
    folder.append_metrics({"step": 2})
    with open(folder.metrics, "ab") as file:
        file.write(torn if isinstance(torn, bytes) else torn.encode())
    assert [row["step"] for row in folder.read_metrics()] == [1, 2]
    folder.append_metrics({"step": 3})
    assert [row["step"] for row in folder.read_metrics()] == [1, 2, 3]
    assert folder.metrics.read_text().count("\n") == 3


def test_a_whole_last_line_without_its_newline_is_kept(folder):
    folder.metrics.write_text('{"step": 1}\n{"step": 2}')
    folder.append_metrics({"step": 3})
    assert [row["step"] for row in folder.read_metrics()] == [1, 2, 3]


def test_a_broken_line_in_the_middle_is_named(folder):
    folder.metrics.write_text('{"step": 1}\n{"st\n{"step": 3}\n')
    with pytest.raises(UserError, match=r"Line 2 of .*metrics\.jsonl is not a JSON object"):
        folder.read_metrics()


def test_appending_to_a_full_disk_says_so(folder, monkeypatch):
    folder.append_metrics({"step": 1})
    monkeypatch.setattr(os, "fsync", failing(errno.ENOSPC))
    with pytest.raises(UserError, match="is full"):
        folder.append_metrics({"step": 2})


def test_truncate_keeps_the_rows_up_to_the_step(folder):
    folder.truncate_metrics(5)  # nothing there yet
    for step in (10, 20, 30):
        folder.append_metrics({"step": step})
    (folder.path / ".best.1.part.keras").write_bytes(b"half of a model")
    folder.truncate_metrics(20)
    assert [row["step"] for row in folder.read_metrics()] == [10, 20]
    assert [file.name for file in folder.path.iterdir()] == ["metrics.jsonl"]


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.invalid", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


def test_git_commit_names_a_dirty_tree_and_only_tracked_code(tmp_path):
    code = tmp_path / "repo" / "code"
    code.mkdir(parents=True)
    (code / "a.py").write_text("1")
    assert git_commit(code) is None
    git(code.parent, "init")
    assert git_commit(code) is None  # no commit yet
    git(code.parent, "add", ".")
    git(code.parent, "commit", "-m", "first")
    clean = git_commit(code)
    assert len(clean) == 12
    assert git_root(code) == code.parent
    (code / "a.py").write_text("2")
    assert git_commit(code) == clean + "+dirty"
    installed = code.parent / ".venv"  # a package inside another project's repository
    installed.mkdir()
    (installed / "b.py").write_text("1")
    assert git_commit(installed) is None


def test_git_commit_without_git(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert git_commit() is None
