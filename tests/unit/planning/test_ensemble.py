"""The ensemble's memory and steps, at every scale and next to the original estimates."""

from tsforecast.planning.activations import Activations
from tsforecast.planning.ensemble import compare_estimates, project_to_scales, summarize_ensemble
from tsforecast.planning.estimates import user_estimates
from tsforecast.planning.memory import MemoryEstimate


def plan(peak, step, program=1000):
    return {
        "params": 10,
        "inputs": 153_600,
        "peak": peak,
        "program": program,
        "resident": 100,
        "steps_a_pass": 5,
        "training": {"weights": 40, "batch": 8, "activations": 3, "step": 70},
        "inference": {"weights": 40, "step": step},
    }


FIVE = user_estimates()["members"]


def test_training_needs_the_largest_member_and_serving_the_sum():
    plans = {name: plan(5000 + i, 100) for i, name in enumerate(FIVE)}
    plans["patchtst"] = plan(9999, 1)  # not one of the five
    summary = summarize_ensemble(plans, FIVE)
    assert summary["members"] == FIVE
    assert summary["train_peak"] == 5004
    assert summary["serve_peak"] == 1000 + 5 * 100
    assert summary["params"] == 50
    assert summary["run_seconds"] is None  # nothing was timed


def test_the_plan_of_the_combined_model_is_used_for_fine_tuning_and_serving():
    plans = {name: plan(5000, 100) for name in FIVE} | {"ensemble": plan(8000, 130) | {"params": 55}}
    summary = summarize_ensemble(plans, FIVE)
    assert summary["train_peak"] == 8000
    assert summary["serve_peak"] == 1000 + 130
    assert summary["params"] == 55
    assert summary["fine_tuning"] == 70


def test_data_and_passes_grow_with_the_scale_and_the_step_does_not():
    activations = Activations(kept=900, work=90, worst="x", infer=1, values=1, uses=())
    estimate = MemoryEstimate(1, 0, 0, 0, window=10, activations=activations, resident=1000, program=500)
    plans = {"lstm": plan(estimate.peak(4), 100)}
    (small, large) = project_to_scales(
        plans,
        {"lstm": estimate},
        summarize_ensemble(plans, FIVE),
        rows_by_scale={"large": 300, "small": 100},
        planned_rows=100,
        data=1000,
        batch_size=4,
        device_bytes=10_000,
    ).values()
    assert small["rows"] == 100
    assert small["train_peak"] == estimate.peak(4)
    assert large["train_peak"] == estimate.peak(4) + 2000
    assert (small["steps_a_pass"], large["steps_a_pass"]) == (5, 15)
    assert small["models"]["lstm"]["largest_batch"] == 7  # (9,200 - 1,500) bytes for windows of 1,000
    assert large["models"]["lstm"]["largest_batch"] == 5
    assert small["models"]["lstm"]["fits"]


def test_the_batch_is_compared_with_the_users_megabytes():
    plans = {"lstm": plan(5000, 100)}
    line = compare_estimates(plans, summarize_ensemble(plans, FIVE), {}, "cpu")["inputs of a batch, bytes"]
    assert line["users"] == 153_600_000
    assert line["ours"] == 153_600
    assert line["verdict"] == "too high, 1,000 x"
