"""GPUs as the driver reports them."""

from tsforecast.planning import machine
from tsforecast.planning.machine import GPU


def test_a_gpu_is_parsed_from_a_line_of_the_driver():
    gpu = machine.parse_gpu("Tesla V100-SXM2-32GB, 7.0, 32768, 580.65.06")
    assert gpu == GPU("Tesla V100-SXM2-32GB", 7.0, 32 * 2**30, "580.65.06")


def test_without_a_driver_there_is_no_gpu(monkeypatch):
    monkeypatch.setattr(machine.subprocess, "run", _no_such_program)
    assert machine.list_gpus() == []


def _no_such_program(*arguments, **options):
    raise FileNotFoundError("nvidia-smi")
