"""Versions are immutable and whole, the champion moves at once, and a kill at any point loses nothing."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tsforecast.errors import UserError
from tsforecast.registry import Registry
from tsforecast.registry.files import file_lock


@pytest.fixture
def registry(tmp_path):
    return Registry(tmp_path / "registry", wait_seconds=0.2)


def add(registry, content=b"weights", **more):
    model = registry.path.parent / "best.keras"
    model.write_bytes(content)
    given = {"config": "seed: 0\n", "result": {"model": "lstm", "metrics": {"test/rmse": 0.5}}}
    return registry.add(model, **{**given, "lineage": {"run": "outputs/run"}, **more})


@pytest.mark.parametrize("content", [b"", b'{"version": "v0001', b"[]", b"{}", b"[" * 100_000])
def test_a_damaged_alias_is_refused_in_one_sentence(registry, content):
    registry.promote(add(registry).name, "first")
    registry.alias.write_bytes(content)
    with pytest.raises(
        UserError, match=r"champion\.json is damaged.*: delete it, and promote a version again\.$"
    ):
        registry.champion_name()


def test_a_version_holds_what_it_was_given(registry):
    version = add(registry, extra={"calibration.npz": b"scores"})
    assert version.name == "v0001"
    assert version.model.read_bytes() == b"weights"
    assert version.config.read_text() == "seed: 0\n"
    assert version.result()["metrics"] == {"test/rmse": 0.5}
    assert version.manifest["lineage"] == {"run": "outputs/run"}
    assert set(version.manifest["files"]) == {"model.keras", "config.yaml", "result.json", "calibration.npz"}
    version.check()
    assert [one.name for one in registry.versions()] == ["v0001"]


def test_files_of_a_version_cannot_be_written(registry):
    version = add(registry)
    modes = {path.stat().st_mode & 0o222 for path in version.path.iterdir()}
    assert modes == {0}


def test_the_same_model_is_stored_once(registry):
    assert add(registry).name == add(registry).name == "v0001"
    assert add(registry, b"others").name == "v0002"
    assert not list((registry.path / "versions").glob(".new-*"))


def test_the_champion_moves_and_goes_back(registry):
    for content in (b"1", b"2", b"3"):
        registry.promote(add(registry, content).name, "by hand")
    assert registry.champion().name == "v0003"
    assert registry.rollback("worse").name == "v0002"
    assert registry.rollback("worse still").name == "v0001"
    with pytest.raises(UserError, match="no champion before this one"):
        registry.rollback("once more")
    assert registry.champion_name() == "v0001"
    registry.promote("v0003", "after all")
    assert [move["version"] for move in registry.moves()] == [
        "v0001",
        "v0002",
        "v0003",
        "v0002",
        "v0001",
        "v0003",
    ]
    assert registry.rollback("no").name == "v0001"


def test_promoting_the_champion_changes_nothing(registry):
    registry.promote(add(registry).name, "first")
    before = registry.alias.read_bytes()
    registry.promote("v0001", "again")
    assert registry.alias.read_bytes() == before


def test_a_changed_or_missing_file_is_refused(registry):
    version = add(registry)
    version.model.chmod(0o644)
    version.model.write_bytes(b"other weights")
    with pytest.raises(UserError, match="SHA-256 differs"):
        registry.promote(version.name, "by hand")
    version.model.unlink()
    with pytest.raises(UserError, match=r"lacks its file model\.keras"):
        registry.promote(version.name, "by hand")
    assert registry.champion_name() is None


def test_what_is_not_there_is_said(registry):
    with pytest.raises(UserError, match="no champion yet: promote a finished run"):
        registry.champion()
    with pytest.raises(UserError, match="no champion before this one"):
        registry.rollback("worse")
    with pytest.raises(UserError, match="It has none yet"):
        registry.version("v0001")
    add(registry)
    with pytest.raises(UserError, match="Did you mean 'v0001'"):
        registry.version("v001")
    with pytest.raises(UserError, match="holds no version"):
        registry.version("../versions/v0001")


def test_a_held_registry_is_waited_for_and_then_refused(registry):
    add(registry)
    with (
        file_lock(registry.path / "lock", 1),
        pytest.raises(UserError, match=r"Another process has held .*lock for 0\.2 s"),
    ):
        add(registry, b"others")


def test_concurrent_writers_add_one_version_each(tmp_path):
    registry = Registry(tmp_path / "registry")
    models = []
    for number in range(6):
        models.append(tmp_path / f"{number}.keras")
        models[-1].write_bytes(b"%d" % number)
    code = (
        "import sys; from pathlib import Path; from tsforecast.registry import Registry; r = Registry(sys.argv[1]);"
        "v = r.add(Path(sys.argv[2]), config='', result={}, lineage={}); r.promote(v.name, sys.argv[2])"
    )
    with ThreadPoolExecutor(3) as pool:
        command = [sys.executable, "-c", code, str(registry.path)]
        root = Path(__file__).parents[3]
        done = list(pool.map(lambda model: subprocess.run([*command, str(model)], cwd=root), models))
    assert {run.returncode for run in done} == {0}
    stored = {version.model.read_bytes() for version in registry.versions()}
    assert stored == {b"%d" % number for number in range(6)}
    assert len(registry.moves()) == 6
    assert registry.champion_name() == registry.moves()[-1]["version"]


def test_a_kill_at_any_point_loses_nothing(tmp_path):
    """Dies before the nth call that touches the disk, for every n there is; then the same command ends well."""
    base = Registry(tmp_path / "base/registry")
    base.path.parent.mkdir()
    base.promote(add(base, b"old").name, "first")
    (tmp_path / "base/best.keras").write_bytes(b"new")
    script = Path(__file__).parents[2] / "helpers" / "registry_kill.py"
    command = [sys.executable, str(script), str(tmp_path / "base"), str(tmp_path / "out")]
    codes = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert len(codes) > 10
    assert codes == ["9"] * (len(codes) - 1) + ["0"]
    for folder in (tmp_path / "out").iterdir():
        registry = Registry(folder / "registry")
        names = [version.name for version in registry.versions()]
        assert names in (["v0001"], ["v0001", "v0002"])
        for version in registry.versions():
            version.check()
        assert registry.champion().name in names
        assert len(registry.moves()) == (1 if registry.champion_name() == "v0001" else 2)
        made = registry.add(
            folder / "best.keras", config="seed: 1\n", result={"model": "lstm"}, lineage={"run": "again"}
        )
        registry.promote(made.name, "better")
        assert registry.champion().model.read_bytes() == b"new"
        assert sorted(os.listdir(registry.path)) == ["audit.jsonl", "champion.json", "lock", "versions"]
        moved = [entry["version"] for entry in registry.audit.read() if "moved_at" in entry]
        assert moved == ["v0001", "v0002"]
        assert sorted(os.listdir(registry.path / "versions")) == ["v0001", "v0002"]
        assert json.loads(registry.alias.read_text())["before"] == ["v0001"]
