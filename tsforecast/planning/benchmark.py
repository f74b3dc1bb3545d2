"""From timed steps to the users' table: hours to train, seconds a forecast, batches in ten minutes."""

from typing import Any

from tsforecast.planning.estimates import users, verdict
from tsforecast.planning.formatting import duration

TEN_MINUTES = 600.0
METHOD = (
    "Hours are the median of {calls} timed steps or more (after compilation and two steps to warm up) times the steps "
    "of one pass over the training windows, on noise of the data's shape; validation, checkpoints, start-up and "
    "compilation are not in them. The error is half the distance between the quartiles of the timed steps. Cold is the "
    "first forecast of a process with the model built, compilation included; warm the median of later ones, each model "
    "in a process of its own, and the ensemble's the sum."
)


def summary(rows: dict[str, dict[str, dict[str, Any]]], *, windows: int, batch_size: int) -> dict[str, Any]:
    """The table's figures by device.

    Args:
        rows: by device and model, ``train`` and ``infer`` as ``probe.seconds_per_call`` returns them.
        windows: of training; a pass takes ``windows // batch_size`` steps.
        batch_size: of the timed steps.
    """
    steps = max(1, windows // batch_size)
    return {device: _device(models, steps) for device, models in rows.items()}


def _device(models: dict[str, dict[str, Any]], steps: int) -> dict[str, Any]:
    by_model = {name: _model(row, steps) for name, row in models.items()}
    together = {
        key: sum(row[key] for row in by_model.values())
        for key in ("hours_a_pass", "hours_error", "forecast_cold", "forecast_warm")
    }
    seconds = sum(row["step"] for row in by_model.values()) / len(by_model)
    return {
        "models": by_model,
        "ensemble": together | {"step": seconds, "batches_in_ten_minutes": TEN_MINUTES / seconds},
        "least_calls": min(row["train"]["calls"] for row in models.values()),
    }


def _model(row: dict[str, Any], steps: int) -> dict[str, float]:
    train, infer = row["train"], row["infer"]
    return {
        "step": train["median"],
        "batches_in_ten_minutes": TEN_MINUTES / train["median"],
        "hours_a_pass": steps * train["median"] / 3600,
        "hours_error": steps * (train["high"] - train["low"]) / 2 / 3600,
        "forecast_cold": infer["first"],
        "forecast_warm": infer["median"],
    }


def markdown(result: dict[str, Any]) -> str:
    """The table for reading, with the users' figures beside and the method below."""
    lines = [
        f"# Training and forecasting: {result['rows']:,} rows, batch {result['batch_size']}",
        "",
        "| device | model | a step | a pass | one forecast, cold | warm | batches in 10 min |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for device, found in result["devices"].items():
        for name, row in [*found["models"].items(), ("all of them", found["ensemble"])]:
            lines.append(f"| {device} | {name} | {_cells(row)} |")
    lines += ["", *_beside(result), ""]
    calls = min(found["least_calls"] for found in result["devices"].values())
    return "\n".join([*lines, METHOD.format(calls=calls), ""])


def _cells(row: dict[str, float]) -> str:
    hours = f"{row['hours_a_pass']:.2f} ± {row['hours_error']:.2f} h"
    times = [duration(row["step"]), hours, duration(row["forecast_cold"]), duration(row["forecast_warm"])]
    return " | ".join([*times, f"{row['batches_in_ten_minutes']:,.0f}"])


def _beside(result: dict[str, Any]) -> list[str]:
    """The users' figures beside those of the ensemble; only when it is theirs."""
    theirs = users()
    lines = ["| device | line | the users' estimate | here | holds? |", "|---|---|---:|---:|---|"]
    for device, found in result["devices"].items():
        if sorted(found["models"]) != sorted(theirs["members"]):
            continue
        kind, together = result["kinds"][device], found["ensemble"]
        rows = {
            "hours to train the five, here a pass": (theirs["hours_to_train"], together["hours_a_pass"]),
            "seconds a forecast of the five": (theirs["seconds_per_forecast"], together["forecast_warm"]),
            "seconds a batch": (theirs["seconds_per_batch"], together["step"]),
        }
        for line, (estimate, ours) in rows.items():
            if kind in estimate:
                judged = verdict(estimate[kind], ours)
                lines.append(f"| {device} | {line} | {estimate[kind]:g} | {ours:.3g} | {judged} |")
    return lines if len(lines) > 2 else []
