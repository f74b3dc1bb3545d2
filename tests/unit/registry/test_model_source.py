"""Which model a job means: run=, registry.version= or the champion."""

import pytest

from tsforecast.errors import UserError
from tsforecast.registry import Registry
from tsforecast.registry.model_source import resolve_model
from tsforecast.registry.options import RegistryOptions


@pytest.fixture
def registry(tmp_path):
    registry = Registry(tmp_path / "registry")
    for content in (b"first", b"second"):
        saved = tmp_path / "best.keras"
        saved.write_bytes(content)
        registry.add(saved, config="seed: 0\n", result={}, lineage={}, extra={"calibration.npz": content})
    registry.promote("v0002", "better")
    return registry


def options(registry, version=None):
    return RegistryOptions(path=str(registry.path), version=version, why=None)


def test_the_champion_unless_a_version_is_named(registry):
    source = resolve_model(options(registry), run=None)
    assert (source.name, source.model.read_bytes(), source.calibration) == ("v0002", b"second", b"second")
    source = resolve_model(options(registry, "v0001"), run=None)
    assert (source.name, source.model.read_bytes(), source.calibration) == ("v0001", b"first", b"first")
    assert source.config.read_text() == "seed: 0\n"


def test_a_run_needs_no_registry(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.yaml").write_text("seed: 1\n")
    source = resolve_model(RegistryOptions(path=str(tmp_path / "none"), version=None, why=None), run=str(run))
    assert (source.name, source.model, source.calibration) == ("run", run / "best.keras", None)
    assert source.config.read_text() == "seed: 1\n"


def test_what_does_not_exist_or_was_changed_is_refused(registry, tmp_path):
    with pytest.raises(UserError, match="has no champion yet"):
        resolve_model(options(Registry(tmp_path / "empty")), run=None)
    with pytest.raises(UserError, match="holds no version 'v0009'"):
        resolve_model(options(registry, "v0009"), run=None)
    with pytest.raises(UserError, match="is not a folder"):
        resolve_model(options(registry), run=str(tmp_path / "no_run"))
    model = registry.version("v0001").model
    model.chmod(0o644)
    model.write_bytes(b"changed")
    with pytest.raises(UserError, match="is not the file that was registered"):
        resolve_model(options(registry, "v0001"), run=None)
