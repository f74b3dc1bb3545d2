"""All models together: trained one after the other, served side by side; at every scale; beside the users' figures."""

from typing import Any

from tsforecast.planning.estimates import row, users


def together(plans: dict[str, Any]) -> dict[str, Any]:
    """The ensemble of the users' members among the planned models (of all, where none is among them).

    Trained one after the other, it takes the peak of the largest; served, the program and data once, and every
    member's own step.
    """
    members = [name for name in users()["members"] if name in plans] or list(plans)
    chosen = [plans[name] for name in members]
    shared = max(plan["program"] for plan in chosen)
    return {
        "members": members,
        "params": sum(plan["params"] for plan in chosen),
        "weights": sum(plan["training"]["weights"] for plan in chosen),
        "train_peak": max(plan["peak"] for plan in chosen),
        "serve_peak": shared + sum(plan["inference"]["step"] for plan in chosen),
        "run_seconds": _total([plan.get("time", {}).get("run_seconds") for plan in chosen]),
        "pass_seconds": _total([plan.get("time", {}).get("pass_seconds") for plan in chosen]),
        "forecast_seconds": _total(
            [plan["time"]["forecast"]["median"] if "time" in plan else None for plan in chosen]
        ),
    }


def scales(plans: dict[str, Any], own: int, rows_of: dict[str, int | None]) -> dict[str, dict[str, Any]]:
    """Rows, data, peak and steps of the ensemble at each scale; a step does not depend on it, the data and a pass do.

    Args:
        plans: of the models.
        own: rows that they were planned for.
        rows_of: rows of each scale, None for all there are.
    """
    ensemble = together(plans)
    largest = max((plans[name] for name in ensemble["members"]), key=lambda plan: plan["peak"])
    grown = {}
    for name, rows in rows_of.items():
        if rows is None:
            continue
        share = rows / own
        data = round(largest["resident"] * share)
        grown[name] = {
            "rows": rows,
            "data": data,
            "train_peak": largest["peak"] - largest["resident"] + data,
            "serve_peak": ensemble["serve_peak"],
            "steps_a_pass": max(1, round(largest["steps_a_pass"] * share)),
            "pass_seconds": ensemble["pass_seconds"] and ensemble["pass_seconds"] * share,
        }
    return dict(sorted(grown.items(), key=lambda item: item[1]["rows"]))


def compared(
    plans: dict[str, Any], ensemble: dict[str, Any], grown: dict[str, Any], device: str
) -> dict[str, dict[str, Any]]:
    """The users' figures beside ours, by line."""
    theirs, lines = users(), {}
    for name, plan in plans.items():
        if name in theirs["params"]:
            lines[f"parameters of {name}"] = row(theirs["params"][name], plan["params"])
        if name in theirs["activation_bytes"]:
            kept = plan["training"]["activations"]
            lines[f"activations of {name}, bytes"] = row(
                theirs["activation_bytes"][name], kept, theirs["activation_bytes"]["note"]
            )
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
    hours = theirs["hours_to_train"]
    seconds = grown.get("poc", {}).get("pass_seconds")
    lines[f"training the five on a {device}, hours a pass"] = row(
        hours[device], seconds and seconds / 3600, hours["note"]
    )
    lines[f"one forecast of the ensemble on a {device}, seconds"] = row(
        theirs["seconds_per_forecast"][device], ensemble["forecast_seconds"]
    )
    return lines


def _total(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
