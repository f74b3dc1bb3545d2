"""A champion that cannot be loaded does not replace the model in service, and is tried again once it may be sound."""

import pytest

from tests.helpers.service_client import make_service
from tests.helpers.serving_case import make_model, register
from tsforecast.serving import model_manager


@pytest.fixture
def damaged(tmp_path, capsys):
    """A manager whose model v0001 stays, since the champion v0002 is damaged; and what repairs it."""
    registry = register(tmp_path, make_model(), make_model(bias=1.0))
    registry.promote("v0001", "test")
    manager = make_service(registry).manager
    assert manager.refresh()
    registry.promote("v0002", "test")
    file = registry.version("v0002").model
    content = file.read_bytes()
    file.chmod(0o644)
    file.write_bytes(b"damaged")
    assert not manager.refresh()
    assert manager.active.name == "v0001"
    assert "v0002 is not in service" in manager.trouble
    return manager, lambda: file.write_bytes(content)


def test_a_damaged_champion_is_tried_again_after_a_while(damaged, monkeypatch):
    manager, repair = damaged
    repair()
    assert not manager.refresh()
    monkeypatch.setattr(manager, "_next_try", 0.0)
    assert manager.refresh()
    assert (manager.active.name, manager.trouble) == ("v0002", None)


def test_a_version_that_failed_can_be_promoted_again_after_a_rollback(damaged):
    manager, repair = damaged
    manager.registry.rollback("it is damaged")
    assert not manager.refresh()
    assert (manager.active.name, manager.trouble) == ("v0001", None)
    repair()
    manager.registry.promote("v0002", "it was repaired")
    assert manager.refresh()
    assert (manager.active.name, manager.trouble) == ("v0002", None)


def test_a_champion_that_stays_damaged_is_reported_once(damaged, monkeypatch, capsys):
    manager, _ = damaged
    assert capsys.readouterr().err.count("v0002 is not in service") == 1
    monkeypatch.setattr(model_manager, "RETRY_SECONDS", 0.0)
    for _ in range(3):
        monkeypatch.setattr(manager, "_next_try", 0.0)
        assert not manager.refresh()
    assert capsys.readouterr().err == ""
