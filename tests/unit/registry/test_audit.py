import json

import pytest

from tsforecast.errors import UserError
from tsforecast.registry import Registry
from tsforecast.registry.audit import AuditLog


@pytest.fixture
def registry(tmp_path):
    return Registry(tmp_path / "registry")


def add(registry, content):
    model = registry.path.parent / "best.keras"
    model.write_bytes(content)
    return registry.add(model, config="seed: 0\n", result={}, lineage={"run": "outputs/run"}).name


def actions(registry):
    return [(entry["action"], entry["version"]) for entry in registry.audit.read()]


def test_what_changes_the_registry_is_logged_with_who_did_it(registry):
    registry.promote(add(registry, b"1"), "the first one")
    registry.promote(add(registry, b"2"), "better")
    registry.promote("v0002", "no change")
    registry.rollback("worse")
    expected = [
        ("add", "v0001"),
        ("promote", "v0001"),
        ("add", "v0002"),
        ("promote", "v0002"),
        ("rollback", "v0001"),
    ]
    assert actions(registry) == expected
    entry = registry.audit.read()[3]
    assert (entry["why"], entry["replaces"]) == ("better", "v0001")
    assert entry["user"]
    assert entry["host"]
    assert [entry["action"] for entry in registry.audit.read(newest=1)] == ["rollback"]


@pytest.mark.parametrize("damage", ["change", "remove", "insert", "swap"])
def test_a_changed_log_is_noticed(registry, damage):
    for content in (b"1", b"2"):
        registry.promote(add(registry, content), "better")
    lines = registry.audit.path.read_text().splitlines()
    if damage == "change":
        lines[1] = lines[1].replace("better", "worse")
    elif damage == "remove":
        del lines[1]
    elif damage == "insert":
        lines.insert(1, json.dumps({"action": "promote", "version": "v0009", "previous": "0" * 64}))
    else:
        lines[1], lines[2] = lines[2], lines[1]
    registry.audit.path.write_text("\n".join(lines) + "\n")
    with pytest.raises(UserError, match=r"Line \d of .* the log was changed"):
        registry.audit.read()


@pytest.mark.parametrize("line", ["no JSON", "5", '{"moved_at": 5}'])
def test_a_damaged_log_keeps_no_version_from_being_promoted_or_rolled_back(registry, line):
    for content in (b"1", b"2"):
        registry.promote(add(registry, content), "better")
    with open(registry.audit.path, "a") as file:
        file.write(f"{line}\n")
    registry.rollback("worse")
    registry.promote("v0002", "better")
    assert registry.champion_name() == "v0002"
    with pytest.raises(UserError, match=r"Line 5 of .* the log was changed"):
        registry.audit.read()


def test_moves_that_a_kill_kept_out_of_the_log_are_added_later(registry, monkeypatch):
    registry.promote(add(registry, b"1"), "the first one")
    second = add(registry, b"2")
    monkeypatch.setattr(AuditLog, "append", lambda *arguments, **more: None)
    registry.promote(second, "killed here")
    monkeypatch.undo()
    with open(registry.audit.path, "ab") as file:
        file.write(b'{"at": "2026-')
    registry.rollback("worse")
    assert actions(registry)[-2:] == [("recover", "v0002"), ("rollback", "v0001")]


def test_a_registry_without_a_log_gets_the_moves_so_far(registry):
    registry.promote(add(registry, b"1"), "the first one")
    registry.audit.path.unlink()
    registry.promote(add(registry, b"2"), "better")
    assert actions(registry) == [("add", "v0002"), ("recover", "v0001"), ("promote", "v0002")]
