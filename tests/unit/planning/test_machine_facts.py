"""The facts that the doctor judges."""

import types

import pytest

from tsforecast.planning import machine_facts


@pytest.mark.parametrize(("number", "version"), [(91002, "9.10.2"), (90300, "9.3.0"), (8907, "8.9.7")])
def test_the_version_of_a_cudnn_library_is_one_number(monkeypatch, number, version):
    import ctypes

    library = types.SimpleNamespace(cudnnGetVersion=lambda: number)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    assert machine_facts.find_cudnn_library() == version


def test_wandb_description_names_the_mode(monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert machine_facts.describe_wandb().endswith("WANDB_MODE=disabled")
    monkeypatch.setattr(machine_facts, "package_version", lambda package: None)
    assert "not installed" in machine_facts.describe_wandb()
