"""The benchmarks without the libraries that they compare: turns, rows, the page, operations by hand."""

import json
import sys
import textwrap
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import accuracy, bench, layouts, page, peers, rows, scaling, serving, turns
from benchmarks.operations import forward_gflop
from tsforecast.registry import Registry


def figures(median, **more):
    return {"median": median, "low": 0.9 * median, "high": 1.1 * median, "calls": 8, **more}


ABOUT = {
    "command": "python -m benchmarks.bench",
    "date": "2026-01-02",
    "machine": "a CPU, 2 cores",
    "cores": 2,
    "python": "3.12.0",
    "versions": {"keras": "3.15.1", "torch": "2.13.0"},
    "commit": "abc1234",
    "load": 0.04,
}


def steps_of(ours, keras="stock Keras"):
    contenders = {
        "ours": figures(ours, peak_mb=700.0),
        "ours bfloat16": figures(0.030, peak_mb=710.0),
        keras: figures(0.080, peak_mb=600.0),
        "PyTorch, 1 threads": figures(0.050, peak_mb=300.0),
        "PyTorch, 2 threads": figures(0.040, peak_mb=301.0),
        "PyTorch bfloat16, 1 threads": figures(0.025, peak_mb=302.0),
    }
    cell = {"work": "train", "windows": 32, "contenders": contenders}
    return ABOUT | {"model": "lstm", "gflop": 0.05, "cells": [cell]}


def curve(*pairs):
    return [{"seconds": s, "step": 10 * s, "rmse": rmse} for s, rmse in pairs]


def test_ratios_are_to_the_faster_pytorch_and_targets_are_listed():
    products = ABOUT | {
        "gflops": {"PyTorch float32": 200.0, "NumPy float32": 150.0, "PyTorch bfloat16": 400.0}
    }
    text = page.page({"steps_lstm": steps_of(0.030), "products": products})
    line = next(line for line in text.splitlines() if line.startswith("| lstm | train step, 32 | 30.00"))
    assert "30.00 [27.00, 33.00] (0.75)" in line
    assert "40.00 [36.00, 44.00], 2 thr." in line
    assert "25.00 [22.50, 27.50] (0.62), 1 thr." in line
    assert "| lstm | train step, 32 | 0.70 | 0.75 | missed |" in text
    assert "both with bfloat16 | 0.90 | 1.20 | missed |" in text
    # 0.05 GFLOP x 3 passes x 32 windows = 4.8, in 30 ms 160 GFLOP/s of 200; in PyTorch's 40 ms 120.
    assert "| 700 | 600 | 301 | 80 % | 40 % | 60 % |" in text
    assert "`python -m benchmarks.bench` on a CPU, 2 cores, load 0.0 at the start, Python 3.12.0" in text
    assert "reached" in page.page({"steps_lstm": steps_of(0.028)})


def test_alternative_layouts_are_compared_with_the_one_in_use():
    cell = {"what": "LSTM", "windows": 16, "median": {"layer by layer": 0.010, "one loop": 0.012}}
    text = page.page({"layouts": ABOUT | {"cells": [cell]}})
    assert "| LSTM | 16 windows | layer by layer: 10.00 | one loop: 12.00 (1.20) |" in text


def test_costs_by_size_are_tables_with_exponents():
    rows = [
        {"size": size, "prepare": 1.0 + size / 100, "step": 0.5, "forecast": 0.25, "peak": 1000.0 + size}
        for size in (10, 100, 1000, 10_000)
    ]
    text = page.page({"scaling_rows": ABOUT | {"axis": "rows", "rows": rows}})
    assert "| 10,000 | 101 | 0.5 | 0.25 | 11,000 |" in text
    assert "| exponent | 1.00 | 0.00 | 0.00 | 1.00 |" in text


def test_bulk_forecasts_are_compared_with_neuralforecast():
    times = {"low": 0.9, "high": 1.1, "calls": 6}
    contenders = {"ours": times | {"median": 0.5}, "NeuralForecast": times | {"median": 1.0}}
    result = ABOUT | {"model": "lstm", "windows": 5000, "contenders": contenders}
    assert "| lstm | 500.00 [900.00, 1100.00] (0.50) | 1000.00 [900.00, 1100.00] |" in page.page(
        {"bulk_lstm": result}
    )


@pytest.mark.parametrize(
    ("sizes", "costs", "exponent"),
    [([1, 10, 100, 1000], [7, 70, 700, 7000], 1.0), ([1, 2, 4, 8, 16], [3, 12, 48, 192, 768], 2.0)],
)
def test_exponents_are_those_of_the_larger_sizes(sizes, costs, exponent):
    assert scaling.fit_exponent(sizes, costs, program=False) == pytest.approx(exponent)
    above = [cost + 1e6 for cost in costs]
    assert scaling.fit_exponent(sizes, above, program=True) == pytest.approx(exponent, abs=0.2)


@pytest.mark.parametrize("windows", [1, 3])
def test_all_layouts_compute_the_same_values(monkeypatch, windows):
    monkeypatch.setattr(layouts, "UNITS", (5, 4, 3))
    monkeypatch.setattr(layouts, "LOOKBACK", 6)
    assert list(layouts.stacks(windows)) == ["layer by layer", "all layers in one loop"]
    assert list(layouts.directions(windows)) == ["one program", "two programs"]


def test_page_without_peers_or_other_parts_leaves_them_out():
    steps = steps_of(0.030)
    contenders = steps["cells"][0]["contenders"]
    for name in [name for name in contenders if name.startswith("PyTorch")]:
        del contenders[name]
    text = page.page({"steps_lstm": steps})
    assert (
        "| lstm | train step, 32 | 30.00 [27.00, 33.00] | 30.00 [27.00, 33.00] | 80.00 [72.00, 88.00] | - | - |"
        in text
    )
    assert "Overhead" not in text
    assert "RMSE" not in text


def test_page_has_overhead_and_start():
    overhead = ABOUT | {
        "model": "gru",
        "run": figures(0.041),
        "bare": figures(0.040),
        "ratio": figures(1.025),
    }
    start = ABOUT | {"warm": figures(9.0), "cold": figures(14.0)}
    text = page.page({"overhead_gru": overhead, "start": start})
    assert "| gru | 41.00 [36.90, 45.10] | 40.00 [36.00, 44.00] | +2.5 %" in text
    assert "| cold | 14.0 | 12.6 | 15.4 |" in text


def test_time_to_pytorchs_best_is_read_from_the_curves():
    common = {"minutes": 1.0, "windows_per_second": 900.0, "settings": "some"}
    results = {
        "accuracy_ours": ABOUT
        | common
        | {"learner": "ours", "curve": curve((5, 0.7), (12, 0.61), (20, 0.60))},
        "accuracy_pytorch": ABOUT
        | common
        | {"learner": "pytorch", "curve": curve((20, 0.7), (48, 0.62), (60, 0.64))},
        "accuracy_neuralforecast_lstm": ABOUT | {"minutes": 1.0, "failed": "out of memory", "curve": []},
    }
    text = page.page(results)
    assert "| ours | some | 1.0 | 900 | 0.6000 | 20 s | 12 s (0.25) |" in text
    assert "| plain PyTorch | some | 1.0 | 900 | 0.6200 | 48 s | 48 s |" in text
    assert "NeuralForecast LSTM failed: out of memory" in text
    assert accuracy.reached(curve((1, 0.9)), 0.5) is None


def test_contenders_take_turns_and_only_one_works_at_a_time(tmp_path):
    script = tmp_path / "contender.py"
    script.write_text(
        textwrap.dedent(
            """
            import json, sys, time
            log = open(sys.argv[2], "a")
            print("a library's greeting")
            for line in sys.stdin:
                work, windows, calls = line.split()
                print(sys.argv[1], work, windows, calls, file=log, flush=True)
                print(json.dumps({"seconds": [float(windows)] * int(calls), "peak_mb": 5}), flush=True)
            """
        )
    )
    log = tmp_path / "log"
    everyone = [turns.Contender(name, [sys.executable, script, name, log]) for name in ("a", "b")]
    (found,) = turns.in_turns(everyone, [("train", 32, 2)], rounds=2)
    assert log.read_text().splitlines() == [
        "a train 32 0",
        "b train 32 0",
        *["a train 32 2", "b train 32 2"] * 2,
    ]
    assert found["b"] == {"median": 32.0, "low": 32.0, "high": 32.0, "calls": 4, "peak_mb": 5}


def test_a_contender_that_ends_early_is_named():
    with (
        turns.Contender("broken", [sys.executable, "-c", ""]) as one,
        pytest.raises(SystemExit, match="broken"),
    ):
        one.turn("train", 32, 1)


def test_rows_are_read_as_they_were_written(tmp_path):
    inputs = np.arange(40, dtype=np.float32).reshape(20, 2)
    truths = inputs[:, :1].copy()
    truths[15] = np.nan
    ends = {"train": np.arange(3, 8), "val": np.array([10, 12, 13])}
    dataset = SimpleNamespace(
        inputs=inputs,
        truths=truths,
        windows=lambda split, limit=None: SimpleNamespace(ends=ends[split]),
        window={"lookback": 3, "lead": 2},
        target_indices=(0,),
        borders=((0, 10), (10, 16), (16, 20)),
        scaler=SimpleNamespace(scale=np.array([4.0, 1.0])),
    )
    rows.write(tmp_path, dataset, 3)
    read = rows.Rows(tmp_path)
    past, truth = read.windows([4])
    np.testing.assert_array_equal(past, [inputs[2:5]])
    np.testing.assert_array_equal(truth, [inputs[6, 0]])
    # Off by 1 and by 2 where the truth is known, in a unit of which a scaled one is 4; row 15 is not scored.
    assert read.rmse(truths[ends["val"] + 2, 0] + [1.0, 2.0, 9.0]) == pytest.approx(4 * np.sqrt(2.5))


def test_operations_of_an_lstm_by_hand():
    layer = SimpleNamespace(
        name="lstm_1", weights=[SimpleNamespace(shape=s, path="w") for s in ((12, 512), (128, 512), (512,))]
    )
    head = SimpleNamespace(name="head", weights=[SimpleNamespace(shape=(128, 1), path="w")])
    found = forward_gflop(SimpleNamespace(layers=[layer, head]), 100)
    assert found == pytest.approx((2 * 100 * 140 * 512 + 2 * 128) / 1e9)


def test_bad_arguments_are_rejected_before_anything_runs(capsys, tmp_path):
    with pytest.raises(SystemExit):
        bench.main(["--rounds", "1"])
    assert "--rounds must be 2 or more" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="nowhere cannot `import torch"):
        peers.peers_python(str(tmp_path / "nowhere"))
    assert [name.split(">")[0] for name in peers.requirements()] == ["neuralforecast", "torch"]


def test_page_is_written_from_the_saved_results(tmp_path):
    bench.save_result(tmp_path, "steps_lstm", steps_of(0.028))
    bench.main(["--parts", "--folder", str(tmp_path), "--page", str(tmp_path / "page.md")])
    assert (tmp_path / "page.md").read_text() == page.page(
        {"steps_lstm": json.loads((tmp_path / "steps_lstm.json").read_text())}
    )


def test_the_load_test_writes_nothing_into_the_registry_that_it_is_given(tmp_path):
    (tmp_path / "model.keras").write_bytes(b"a model")
    registry = Registry(tmp_path / "registry")
    for seed in (0, 1):
        version = registry.add(tmp_path / "model.keras", config=f"seed: {seed}", result={}, lineage={})
        registry.promote(version.name, "test")
    (registry.path / "live").mkdir()
    before = sorted(path.stat().st_mtime_ns for path in registry.path.rglob("*"))
    with serving.copied_champion(registry.path) as copy:
        champion = Registry(copy).champion()
        champion.check()
        assert champion.name == "v0002"
        assert champion.path.is_relative_to(copy)
        assert not (champion.path.parents[1] / "live").exists()
    assert sorted(path.stat().st_mtime_ns for path in registry.path.rglob("*")) == before


def test_a_load_test_needs_an_address(capsys):
    with pytest.raises(SystemExit):
        serving.main(["--rate", "1"])
    assert "one of the arguments --url --start is required" in capsys.readouterr().err


def test_quick_runs_have_a_section():
    runs = [{"model": "gru", "seconds": s, "exit": e} for s, e in ((13.0, 0.1), (15.0, 0.3), (14.0, 0.2))]
    text = page.page({"exits": ABOUT | {"quick": "scale=tiny", "runs": runs}})
    assert "python run.py model=MODEL scale=tiny" in text
    assert "| gru | 3 | 14.0 | 0.30 |" in text
