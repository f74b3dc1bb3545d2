"""The device that a plan is for."""

from types import SimpleNamespace

import pytest

from tsforecast.planning import device, machine
from tsforecast.planning.machine import GPU

V100 = GPU("Tesla V100", 7.0, 32 * 10**9, "580.65.06")


@pytest.mark.parametrize(
    ("kind", "gpus", "planned", "policy"),
    [
        ("auto", [], "cpu", "float32"),
        ("gpu", [], "gpu", "mixed_bfloat16"),  # not in this machine: capability unknown
        ("auto", [V100], "gpu", "mixed_float16"),
        ("cpu", [V100], "cpu", "float32"),
    ],
)
def test_policy_is_that_of_the_planned_device(monkeypatch, kind, gpus, planned, policy):
    initialized = {}
    monkeypatch.setattr(machine, "list_gpus", lambda: gpus)
    monkeypatch.setattr(device.runtime, "cpu_has_bfloat16", lambda: False)
    monkeypatch.setattr(device.runtime, "initialize", lambda **options: initialized.update(options))
    options = SimpleNamespace(kind=kind, compute_capability=None, threads=2)
    result, _ = device.initialize_for_device(options, "mixed", backend="tensorflow", seed=3)
    assert result == planned
    assert (initialized["policy"], initialized["seed"], initialized["threads"]) == (policy, 3, 2)
    assert initialized["kind"] == ("auto" if planned == "gpu" and gpus else "cpu")


def test_memory_is_the_stated_one_or_measured(monkeypatch):
    monkeypatch.setattr(machine, "list_gpus", lambda: [V100])
    monkeypatch.setattr(machine, "system_memory", lambda: (100, 60))
    monkeypatch.setattr(machine, "process_memory", lambda: 7)
    assert device.device_memory("gpu", 1.5) == 1.5e9
    assert device.device_memory("gpu", None) == 32e9
    assert device.device_memory("cpu", None) == 67
    monkeypatch.setattr(machine, "list_gpus", list)
    assert device.device_memory("gpu", None) is None
