"""Files are whole or absent whatever goes wrong while they are written."""

import errno
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from tsforecast import files
from tsforecast.errors import UserError


def failing(error_number):
    def fail(*arguments, **options):
        raise OSError(error_number, os.strerror(error_number))

    return fail


def test_a_new_file_replaces_the_old_one(tmp_path):
    path = tmp_path / "values.npz"
    for value in (1, 2):
        with files.atomic_path(path) as temporary:
            assert temporary.suffix == ".npz"  # Keras and NumPy choose the format by the suffix
            np.savez(temporary, value=value)
    assert np.load(path)["value"] == 2
    assert [file.name for file in tmp_path.iterdir()] == ["values.npz"]


@pytest.mark.parametrize("error", [RuntimeError("converter failed"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file_and_no_temporary_one(tmp_path, error):
    path = tmp_path / "model.keras"
    path.write_text("old")

    def fail_halfway():
        with files.atomic_path(path) as temporary:
            temporary.write_text("ne")
            raise error

    with pytest.raises(type(error)):
        fail_halfway()
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["model.keras"]


@pytest.mark.parametrize("call", ["replace", "fsync", "open"])
@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (
            errno.ENOSPC,
            r"^The disk that holds .* is full: make room and resume the run; nothing already .* lost\.$",
        ),
        (errno.EACCES, r"^Cannot write in the folder .* \(permission denied\): choose a writable one\.$"),
    ],
)
def test_a_disk_that_refuses_is_a_user_error(tmp_path, monkeypatch, call, number, sentence):
    path = tmp_path / "best.json"
    files.write_json(path, {"old": 1})
    with monkeypatch.context() as patch:
        if call == "open":
            patch.setattr(files, "open", failing(number), raising=False)
        else:
            patch.setattr(os, call, failing(number))
        with pytest.raises(UserError, match=sentence):
            files.write_json(path, {"new": 2})
    assert json.loads(path.read_text()) == {"old": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["best.json"]


def test_a_real_full_disk_says_so():
    with pytest.raises(UserError, match="The disk that holds /dev is full"):
        files.append_line(files.Path("/dev/full"), "x\n")


def test_a_kill_leaves_the_old_file_and_a_partial_one_that_can_be_removed(tmp_path):
    path = tmp_path / "last.npz"
    files.write_bytes(path, b"old")
    program = (
        "import os, pathlib, signal; from tsforecast.files import atomic_path\n"
        f"with atomic_path(pathlib.Path({str(path)!r})) as part:\n"
        "    part.write_bytes(b'ne'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 2
    files.remove_partial_files(tmp_path)
    assert list(tmp_path.iterdir()) == [path]
