"""Memory and time of the whole ensemble, at every scale, compared with the original estimates."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from tsforecast.planning.estimates import comparison, user_estimates
from tsforecast.planning.memory import MemoryEstimate

ENSEMBLE = "ensemble"


def summarize_ensemble(plans: dict[str, Any], members: Sequence[str]) -> dict[str, Any]:
    """Return the plan of the ensemble of these members, or of all models if none of the members is planned.

    Members are trained one after the other and then fine-tuned together, so training needs the largest of all these
    peaks. In service, the ensemble is one model that contains all members; without a plan for that model, the sum of
    the members' forecasts is used.

    Args:
        plans: Plan of each model; that of the combined model is called ``ensemble``.
        members: Names of the members.
    """
    combined = plans.get(ENSEMBLE)
    members = [name for name in members if name in plans] or [name for name in plans if name != ENSEMBLE]
    parts = [plans[name] for name in members]
    trained = [*parts, combined] if combined else parts
    served = combined["inference"]["step"] if combined else sum(plan["inference"]["step"] for plan in parts)
    weights = (
        combined["inference"]["weights"] if combined else sum(plan["training"]["weights"] for plan in parts)
    )
    return {
        "members": members or list(plans),
        "params": combined["params"] if combined else sum(plan["params"] for plan in parts),
        "weights": weights,
        "train_peak": max(plan["peak"] for plan in trained),
        "fine_tuning": combined and combined["training"]["step"],
        "serve_peak": max(plan["program"] for plan in trained) + served,
        **_times(parts, combined),
    }


def _times(parts: Sequence[dict[str, Any]], combined: dict[str, Any] | None) -> dict[str, float | None]:
    steps = [plan["time"]["step"]["median"] if "time" in plan else None for plan in parts]
    forecasts = [plan["time"]["forecast"]["median"] if "time" in plan else None for plan in parts]
    return {
        "run_seconds": _sum_or_none([plan.get("time", {}).get("run_seconds") for plan in parts]),
        "pass_seconds": _sum_or_none([plan.get("time", {}).get("pass_seconds") for plan in parts]),
        "step_seconds": _mean_or_none(steps),
        "forecast_seconds": combined["time"]["forecast"]["median"]
        if combined and "time" in combined
        else _sum_or_none(forecasts),
    }


def project_to_scales(
    plans: dict[str, Any],
    estimates: dict[str, MemoryEstimate],
    ensemble: dict[str, Any],
    *,
    rows_by_scale: dict[str, int],
    planned_rows: int,
    data: int,
    batch_size: int,
    device_bytes: float | None,
) -> dict[str, dict[str, Any]]:
    """Return peaks, batch sizes and steps of every model and of the ensemble at each scale.

    A step does not depend on the scale; the data and the steps of a pass grow with the number of rows.

    Args:
        plans: Plan of each model.
        estimates: Memory of each model for ``planned_rows`` rows.
        ensemble: Result of ``summarize_ensemble``.
        rows_by_scale: Number of rows at each scale.
        planned_rows: Number of rows of the plan.
        data: Bytes of these rows, in whichever memory.
        batch_size: Windows per step.
        device_bytes: Memory of the device, None if unknown.
    """
    projections = {}
    for name, rows in sorted(rows_by_scale.items(), key=lambda item: item[1]):
        factor = rows / planned_rows
        models = {
            model: _project_model(plans[model], estimate, factor, batch_size, device_bytes)
            for model, estimate in estimates.items()
        }
        parts = [*ensemble["members"], *([ENSEMBLE] if ENSEMBLE in models else [])]
        projections[name] = {
            "rows": rows,
            "data": round(data * factor),
            "models": models,
            "train_peak": max(models[model]["peak"] for model in parts),
            "serve_peak": ensemble["serve_peak"],
            "steps_a_pass": max(models[model]["steps_a_pass"] for model in parts),
            "pass_seconds": ensemble["pass_seconds"] and ensemble["pass_seconds"] * factor,
        }
    return projections


def _project_model(
    plan: dict[str, Any],
    estimate: MemoryEstimate,
    factor: float,
    batch_size: int,
    device_bytes: float | None,
) -> dict[str, Any]:
    """Return the plan of one model with ``factor`` times the rows."""
    estimate = dataclasses.replace(estimate, resident=round(estimate.resident * factor))
    largest = None if device_bytes is None else estimate.largest_batch(device_bytes)
    return {
        "peak": estimate.peak(batch_size),
        "largest_batch": largest,
        "fits": None if largest is None else batch_size <= largest,
        "steps_a_pass": max(1, round(plan["steps_a_pass"] * factor)),
    }


def compare_estimates(
    plans: dict[str, Any], ensemble: dict[str, Any], projections: dict[str, Any], device: str
) -> dict[str, dict[str, Any]]:
    """Compare the original estimates with the plan, line by line.

    Args:
        plans: Plan of each model.
        ensemble: Result of ``summarize_ensemble``.
        projections: Result of ``project_to_scales``.
        device: ``cpu`` or ``gpu``.
    """
    estimates = user_estimates()
    lines: dict[str, dict[str, Any]] = {}
    for name, plan in plans.items():
        lines |= _compare_model(name, plan, estimates)
    inputs, batch = next(iter(plans.values()))["inputs"], estimates["batch_bytes"]
    lines["inputs of a batch, bytes"] = comparison(batch["figure"], inputs, batch["note"])
    if ensemble["members"] == estimates["members"]:
        lines |= _compare_ensemble(ensemble, estimates)
        lines |= _compare_peaks(projections, estimates)
        lines |= _compare_times(ensemble, projections, estimates, device)
    return lines


def _compare_model(name: str, plan: dict[str, Any], estimates: dict[str, Any]) -> dict[str, dict[str, Any]]:
    lines = {}
    if name in estimates["params"] and name != ENSEMBLE:
        lines[f"parameters of {name}"] = comparison(estimates["params"][name], plan["params"])
    activations, peaks = estimates["activation_bytes"], estimates["model_peak_bytes"]
    if name in activations:
        kept = plan["training"]["activations"]
        lines[f"activations of {name}, bytes"] = comparison(activations[name], kept, activations["note"])
    if name in peaks:
        lines[f"train peak of {name}, bytes"] = comparison(peaks[name], plan["peak"], peaks["note"])
    return lines


def _compare_ensemble(ensemble: dict[str, Any], estimates: dict[str, Any]) -> dict[str, dict[str, Any]]:
    weights = estimates["weights_bytes"]
    return {
        "parameters of the ensemble": comparison(estimates["params"]["ensemble"], ensemble["params"]),
        "weights of the ensemble, bytes": comparison(weights["figure"], ensemble["weights"], weights["note"]),
    }


def _compare_peaks(projections: dict[str, Any], estimates: dict[str, Any]) -> dict[str, dict[str, Any]]:
    lines = {}
    for kind in ("train_peak", "serve_peak"):
        for scale, estimate in estimates[f"{kind}_bytes"].items():
            if scale in projections:
                label = f"{kind.replace('_', ' ')} at {scale}, bytes"
                lines[label] = comparison(estimate, projections[scale][kind])
    if "poc" in projections:
        total = sum(projections["poc"][f"{kind}_peak"] for kind in ("train", "serve"))
        estimate = sum(estimates[f"{kind}_peak_bytes"]["poc"] for kind in ("train", "serve"))
        lines["train and serve at once at poc, bytes"] = comparison(estimate, total)
    return lines


def _compare_times(
    ensemble: dict[str, Any], projections: dict[str, Any], estimates: dict[str, Any], device: str
) -> dict[str, dict[str, Any]]:
    hours, step = estimates["hours_to_train"], estimates["seconds_per_batch"]
    seconds = projections.get("poc", {}).get("pass_seconds")
    return {
        f"hours to train the five models, here one pass ({device})": comparison(
            hours[device], seconds and seconds / 3600, hours["note"]
        ),
        f"seconds per ensemble forecast ({device})": comparison(
            estimates["seconds_per_forecast"][device], ensemble["forecast_seconds"]
        ),
        "seconds per train step (estimate is for a GPU)": comparison(
            step["gpu"], ensemble["step_seconds"], step["note"]
        ),
    }


def _mean_or_none(values: Sequence[float | None]) -> float | None:
    total = _sum_or_none(values)
    return total and total / len(values)


def _sum_or_none(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
