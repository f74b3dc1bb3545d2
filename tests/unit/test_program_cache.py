"""Programs kept on disk: where, for whom, and that a damaged file does not end a run."""

import os
import shutil
import subprocess
import sys
from collections import namedtuple

import pytest

from tsforecast import program_cache
from tsforecast.program_cache import clean, enable_program_cache, is_whole

COMPILE = """
from tsforecast.program_cache import enable_program_cache
enable_program_cache("this one")
import tensorflow as tf
f = tf.function(lambda x: tf.reduce_sum(tf.sin(x) * x), jit_compile=True)
print(float(f(tf.range(64, dtype=tf.float32))).hex())
"""


@pytest.fixture
def environment(monkeypatch, tmp_path):
    monkeypatch.delenv("TF_XLA_FLAGS", raising=False)
    monkeypatch.setenv(program_cache.VARIABLE, str(tmp_path))
    return monkeypatch


def test_each_processor_has_a_folder_of_its_own(environment, tmp_path):
    folders = set()
    for processor, threads in (("A, 2 cores", None), ("A, 2 cores", 1), ("A, 4 cores", None)):
        folders.add(enable_program_cache(processor, threads))
        assert str(tmp_path) in os.environ["TF_XLA_FLAGS"]
        environment.delenv("TF_XLA_FLAGS")
    assert len(folders) == 3
    assert all(folder.is_dir() for folder in folders)


def test_the_user_decides(environment, tmp_path):
    environment.setenv("TF_XLA_FLAGS", "--tf_xla_persistent_cache_directory=elsewhere")
    assert enable_program_cache("A") is None
    environment.setenv("TF_XLA_FLAGS", "--tf_xla_clustering_debug")
    environment.setenv(program_cache.VARIABLE, "off")
    assert enable_program_cache("A") is None
    assert os.environ["TF_XLA_FLAGS"] == "--tf_xla_clustering_debug"
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_kept_where_nothing_can_be_written(environment, tmp_path):
    (tmp_path / "file").write_text("")
    environment.setenv(program_cache.VARIABLE, str(tmp_path / "file"))
    assert enable_program_cache("A") is None
    environment.setenv(program_cache.VARIABLE, str(tmp_path))
    usage = namedtuple("usage", "free")(10**6)
    environment.setattr(shutil, "disk_usage", lambda folder: usage)
    assert enable_program_cache("A") is None
    assert "TF_XLA_FLAGS" not in os.environ


def test_damaged_and_old_programs_are_removed(tmp_path, monkeypatch):
    for age, (name, content) in enumerate(
        {"new": b"\x0a\x02ab", "cut": b"\x0a\x09ab", "empty": b"", "old": b"\x0a\x03abc"}.items()
    ):
        path = tmp_path / f"{name}.pb"
        path.write_bytes(content)
        os.utime(path, (1000 - age, 1000 - age))
    monkeypatch.setattr(program_cache, "MAX_BYTES", 10)
    clean(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["new.pb"]


def test_another_process_loads_the_program_and_computes_the_same(environment, tmp_path):
    def run():
        done = subprocess.run([sys.executable, "-c", COMPILE], capture_output=True, text=True, check=True)
        return done.stdout, list(tmp_path.rglob("*.pb"))

    first, programs = run()
    assert len(programs) == 1
    assert is_whole(programs[0])
    written = programs[0].stat().st_mtime_ns
    assert run() == (first, programs)
    assert programs[0].stat().st_mtime_ns == written
    programs[0].write_bytes(programs[0].read_bytes()[:100])
    assert run() == (first, programs)
    assert is_whole(programs[0])
