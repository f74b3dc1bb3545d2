"""The benchmark for a card without a card: the order of its cells, its table, and processes that fail."""

import json
import sys

import pytest

from benchmarks import exits, gpu, gpu_page, gpu_process, wheels

LIMITS = {
    "library": "ours",
    "work": "limits",
    "device": "a card",
    "driver": "a card, 80 GB, 550.1",
    "versions": {"keras": "3.15.1"},
    "gflops float32": 10_000.0,
    "gflops bfloat16": 40_000.0,
    "gigabytes_per_second": 1000.0,
}
STEP = {"library": "ours", "work": "train", "model": "lstm", "precision": "float32", "batch": 256}
FIGURES = {
    "median": 0.010,
    "windows_per_second": 25_600.0,
    "peak_mb": 500.0,
    "planned_mb": 480.0,
    "gflop": 20.0,
    "gigabytes": 4.0,
    "policy": "float32",
}
ABOUT = {"command": "python -m benchmarks.gpu", "date": "2026-01-02", "backend": "jax", "load": 0.1}

ECHO = """
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    if request["work"] == "fail":
        raise SystemExit("out of memory")
    print("a line of a library", flush=True)
    print(json.dumps({"median": 0.5}), flush=True)
"""


def test_the_table_has_ratio_memory_and_the_longer_limit():
    other = {**STEP, "library": "torch", "median": 0.020, "windows_per_second": 12_800.0, "peak_mb": 900.0}
    failed = {**STEP, "batch": 4096, "failed": "out of memory"}
    bulk = {**STEP, "work": "bulk", "median": 0.1, "windows_per_second": 40_960.0}
    result = {"about": ABOUT, "cells": [LIMITS, STEP | FIGURES, other, failed, bulk], "left_out": 3}
    text = gpu_page.page(result)
    # 20 GFLOP at 10,000 GFLOP/s take 2 ms, 4 GB at 1,000 GB/s take 4 ms.
    assert "| lstm | 256 | float32 | 10.00 | 25,600 | 20.00 | 0.50 | 500 | 480 | 4.00 |" in text
    assert "| lstm | 4,096 | float32 | out of memory |" in text
    assert "| ours | lstm | float32 | 256 | 100.00 ms, 40,960 windows/s |" in text
    assert "a card, 80 GB, 550.1" in text
    assert "3 cells were left out" in text


def test_the_most_important_cells_come_first_and_pytorch_only_where_it_is_installed(monkeypatch):
    options = gpu.parse_options(["--models", "lstm", "patchtst"])
    monkeypatch.setattr(gpu, "find_spec", lambda name: object())
    cells = gpu.requests(options)
    assert [cell["work"] for cell in cells[:2]] == ["limits", "train"]
    batches = [cell["batch"] for cell in cells if cell["work"] == "train"]
    assert batches == sorted(batches, key=gpu.BATCHES.index)
    assert {cell["model"] for cell in cells if cell["library"] == "torch"} == {"lstm", "patchtst"}
    assert {cell["precision"] for cell in cells if cell["work"] == "train"} == {"float32", "mixed"}
    assert {"latency", "bulk", "pipeline", "minutes to RMSE"} < {cell["work"] for cell in cells}
    monkeypatch.setattr(gpu, "find_spec", lambda name: None)
    assert not [cell for cell in gpu.requests(options) if cell["library"] == "torch"]


def test_a_process_that_fails_or_hangs_is_an_answer():
    process = gpu_process.Process([sys.executable, "-c", ECHO])
    assert process.ask({"work": "train"}, 60) == {"median": 0.5}
    assert process.ask({"work": "fail"}, 60) == {"failed": "out of memory"}
    process.stop()
    process = gpu_process.Process([sys.executable, "-c", "import time; time.sleep(60)"])
    assert process.ask({"work": "train"}, 0.1) == {"failed": "no answer after 0 s"}
    process.stop()


def test_every_cell_is_written_at_once_and_a_deadline_leaves_the_rest_out(tmp_path, monkeypatch):
    options = gpu.parse_options(["--tiny", "--models", "lstm", "--folder", str(tmp_path)])
    now = {"seconds": 0.0}
    monkeypatch.setattr(gpu.time, "monotonic", lambda: now["seconds"])

    def measure(request, options, workers, left):
        now["seconds"] += 100
        return {"failed": "no card"}

    monkeypatch.setattr(gpu, "measure", measure)
    result = gpu.benchmark(options, deadline=250)
    stored = json.loads((tmp_path / "gpu.json").read_text())
    assert stored == result
    assert len(stored["cells"]) == 3
    assert stored["left_out"] == len(gpu.requests(options)) - 3
    assert "no card" in (tmp_path / "gpu.md").read_text()


def test_other_backends_need_no_tensorflow():
    needed = wheels.requirements("jax")
    assert any(entry.startswith("keras") for entry in needed)
    assert any(entry.startswith("jax[cuda12]") for entry in needed)
    assert not any(entry.startswith(("tensorflow", "wandb")) for entry in needed)


def test_the_delay_of_an_exit_is_measured_from_the_last_line():
    slow = "import time; print('last', flush=True); time.sleep(0.3)"
    clocked = exits.clock([sys.executable, "-c", slow])
    assert 0.25 < clocked["exit"] <= clocked["seconds"] < 30
    with pytest.raises(SystemExit, match="ended with 3"):
        exits.clock([sys.executable, "-c", "raise SystemExit(3)"])
