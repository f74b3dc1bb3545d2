"""All models together: trained one after the other, served side by side; at every scale; beside the users' figures."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from tsforecast.planning.estimates import row, users
from tsforecast.planning.memory import Memory

ENSEMBLE = "ensemble"


def together(plans: dict[str, Any], members: Sequence[str]) -> dict[str, Any]:
    """The ensemble of these members as far as they are planned (of all models, where none is among them).

    Its members are trained one after the other and then fine-tuned together, so that it takes the peak of the largest
    of all these. Served, it is one model that holds them all; where its own plan is missing, every member's own step
    stands for it.

    Args:
        plans: by model, the ensemble's own as ``ensemble``.
        members: names of models.
    """
    own = plans.get(ENSEMBLE)
    members = [name for name in members if name in plans] or [name for name in plans if name != ENSEMBLE]
    chosen = [plans[name] for name in members]
    all_of_it = [*chosen, own] if own else chosen
    serve = own["inference"]["step"] if own else sum(plan["inference"]["step"] for plan in chosen)
    return {
        "members": members or list(plans),
        "params": own["params"] if own else sum(plan["params"] for plan in chosen),
        "weights": own["inference"]["weights"]
        if own
        else sum(plan["training"]["weights"] for plan in chosen),
        "train_peak": max(plan["peak"] for plan in all_of_it),
        "fine_tuning": own and own["training"]["step"],
        "serve_peak": max(plan["program"] for plan in all_of_it) + serve,
        "run_seconds": _total([plan.get("time", {}).get("run_seconds") for plan in chosen]),
        "pass_seconds": _total([plan.get("time", {}).get("pass_seconds") for plan in chosen]),
        "step_seconds": _mean(
            [plan["time"]["step"]["median"] if "time" in plan else None for plan in chosen]
        ),
        "forecast_seconds": own["time"]["forecast"]["median"]
        if own and "time" in own
        else _total([plan["time"]["forecast"]["median"] if "time" in plan else None for plan in chosen]),
    }


def scales(
    plans: dict[str, Any],
    memories: dict[str, Memory],
    ensemble: dict[str, Any],
    *,
    rows_of: dict[str, int],
    own: int,
    data: int,
    batch_size: int,
    device_bytes: float | None,
) -> dict[str, dict[str, Any]]:
    """Peaks, batches and steps of every model and of the ensemble at each scale.

    A step does not depend on the scale; the data and the steps of a pass grow with the rows.

    Args:
        plans: by model.
        memories: by model, for ``own`` rows.
        ensemble: see ``together``.
        rows_of: rows of each scale.
        own: rows that were planned for.
        data: bytes of these rows, wherever they lie.
        batch_size: windows a step.
        device_bytes: of the device, None if unknown.
    """
    grown = {}
    for name, rows in sorted(rows_of.items(), key=lambda item: item[1]):
        share = rows / own
        models = {
            model: _grown(plans[model], memory, share, batch_size, device_bytes)
            for model, memory in memories.items()
        }
        taking_part = [*ensemble["members"], *([ENSEMBLE] if ENSEMBLE in models else [])]
        grown[name] = {
            "rows": rows,
            "data": round(data * share),
            "models": models,
            "train_peak": max(models[model]["peak"] for model in taking_part),
            "serve_peak": ensemble["serve_peak"],
            "steps_a_pass": max(models[model]["steps_a_pass"] for model in taking_part),
            "pass_seconds": ensemble["pass_seconds"] and ensemble["pass_seconds"] * share,
        }
    return grown


def _grown(
    plan: dict[str, Any], memory: Memory, share: float, batch_size: int, device_bytes: float | None
) -> dict[str, Any]:
    """One model with ``share`` times the data."""
    memory = dataclasses.replace(memory, resident=round(memory.resident * share))
    largest = None if device_bytes is None else memory.largest_batch(device_bytes)
    return {
        "peak": memory.peak(batch_size),
        "largest_batch": largest,
        "fits": None if largest is None else batch_size <= largest,
        "steps_a_pass": max(1, round(plan["steps_a_pass"] * share)),
    }


def compared(
    plans: dict[str, Any], ensemble: dict[str, Any], grown: dict[str, Any], device: str
) -> dict[str, dict[str, Any]]:
    """The users' figures beside ours, by line."""
    theirs, lines = users(), {}
    for name, plan in plans.items():
        if name in theirs["params"] and name != ENSEMBLE:
            lines[f"parameters of {name}"] = row(theirs["params"][name], plan["params"])
        if name in theirs["activation_bytes"]:
            kept = plan["training"]["activations"]
            lines[f"activations of {name}, bytes"] = row(
                theirs["activation_bytes"][name], kept, theirs["activation_bytes"]["note"]
            )
        if name in theirs["model_peak_bytes"]:
            figures = theirs["model_peak_bytes"]
            lines[f"train peak of {name}, bytes"] = row(figures[name], plan["peak"], figures["note"])
    first = next(iter(plans.values()))
    lines["inputs of a batch, bytes"] = row(
        theirs["batch_bytes"]["figure"], first["inputs"], theirs["batch_bytes"]["note"]
    )
    if ensemble["members"] == theirs["members"]:
        lines |= _of_ensemble(theirs, ensemble, grown, device)
    return lines


def _of_ensemble(
    theirs: dict[str, Any], ensemble: dict[str, Any], grown: dict[str, Any], device: str
) -> dict[str, dict[str, Any]]:
    lines = {
        "parameters of the ensemble": row(theirs["params"]["ensemble"], ensemble["params"]),
        "weights of the ensemble, bytes": row(
            theirs["weights_bytes"]["figure"], ensemble["weights"], theirs["weights_bytes"]["note"]
        ),
    }
    for kind in ("train_peak", "serve_peak"):
        for scale, figure in theirs[f"{kind}_bytes"].items():
            if scale in grown:
                lines[f"{kind.replace('_', ' ')} at {scale}, bytes"] = row(figure, grown[scale][kind])
    if "poc" in grown:
        both = [grown["poc"][f"{kind}_peak"] for kind in ("train", "serve")]
        figures = [theirs[f"{kind}_peak_bytes"]["poc"] for kind in ("train", "serve")]
        lines["train and serve at once at poc, bytes"] = row(sum(figures), sum(both))
    hours = theirs["hours_to_train"]
    seconds = grown.get("poc", {}).get("pass_seconds")
    lines[f"hours to train the five, here a pass ({device})"] = row(
        hours[device], seconds and seconds / 3600, hours["note"]
    )
    lines[f"seconds a forecast of the ensemble ({device})"] = row(
        theirs["seconds_per_forecast"][device], ensemble["forecast_seconds"]
    )
    lines["seconds a train step (theirs: gpu)"] = row(
        theirs["seconds_per_batch"]["gpu"], ensemble["step_seconds"], theirs["seconds_per_batch"]["note"]
    )
    return lines


def _mean(values: list[float | None]) -> float | None:
    total = _total(values)
    return total and total / len(values)


def _total(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
