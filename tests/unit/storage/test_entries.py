"""Entries that are complete or absent, whatever happens to those who build them."""

import errno
import subprocess
import sys
import threading
import time

import pytest

from tsforecast.errors import UserError
from tsforecast.storage.entries import CONTENTS, find_or_build, read_entry

CONTENT = bytes(range(256)) * 1024


def builder(calls, seconds=0.0):
    def build(folder):
        calls.append(folder.name)
        time.sleep(seconds)
        (folder / "rows").write_bytes(CONTENT)
        return {"number": len(calls)}

    return build


def test_an_entry_is_built_once_and_found_again(tmp_path):
    calls = []
    first = find_or_build(tmp_path / "new", "key", builder(calls))
    assert first == find_or_build(tmp_path / "new", "key", builder(calls))
    assert first == (tmp_path / "new" / "key", {"number": 1})
    find_or_build(tmp_path / "new", "other", builder(calls))
    assert len(calls) == 2
    assert not list((tmp_path / "new").glob("*.part"))


@pytest.mark.parametrize("damage", ["truncated", "zeros", "end", "no contents", "half contents"])
def test_a_damaged_entry_is_built_again_with_a_warning(tmp_path, capsys, damage):
    path, _ = find_or_build(tmp_path, "key", builder([]))
    if damage.endswith("contents"):
        (path / CONTENTS).write_text("" if damage == "no contents" else (path / CONTENTS).read_text()[:20])
    else:
        changed = {
            "truncated": CONTENT[:-1],
            "zeros": bytes(len(CONTENT)),
            "end": CONTENT[:-4096] + bytes(4096),
        }
        (path / "rows").write_bytes(changed[damage])
    assert read_entry(path) is None
    assert find_or_build(tmp_path, "key", builder([])) == (path, {"number": 1})
    assert (path / "rows").read_bytes() == CONTENT
    assert "is damaged and is built again" in capsys.readouterr().out


def test_processes_and_threads_that_need_one_entry_build_it_once(tmp_path, capsys):
    calls, found = [], []
    threads = [
        threading.Thread(target=lambda: found.append(find_or_build(tmp_path, "key", builder(calls, 0.3))))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert len(found) == 4
    assert "waiting for it" in capsys.readouterr().out


def test_a_killed_process_leaves_nothing_that_is_taken_for_an_entry(tmp_path):
    code = (
        "import os, pathlib, sys; from tsforecast.storage.entries import find_or_build\n"
        "def build(folder):\n    (folder / 'rows').write_bytes(b'half'); os.kill(os.getpid(), 9)\n"
        "find_or_build(pathlib.Path(sys.argv[1]), 'key', build)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == -9
    assert list(tmp_path.glob(".key.*.part"))
    assert find_or_build(tmp_path, "key", builder([]))[1] == {"number": 1}
    assert not list(tmp_path.glob(".key.*.part"))


def test_a_failed_build_leaves_nothing(tmp_path):
    def fail(folder):
        (folder / "rows").write_bytes(CONTENT)
        raise UserError("The rows are not sorted.")

    with pytest.raises(UserError, match="not sorted"):
        find_or_build(tmp_path, "key", fail)
    assert [path.name for path in tmp_path.iterdir()] == [".key.lock"]


def test_a_full_disk_and_a_folder_that_cannot_be_written_are_one_sentence(tmp_path):
    def fill(folder):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(UserError, match=r"disk that holds the cache .* is full: make room"):
        find_or_build(tmp_path, "key", fill)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot be written to .*data\.cache_folder"):
        find_or_build(tmp_path / "file" / "folder", "key", builder([]))
