"""From timed steps to the users' table: hours to train, seconds a forecast, batches in ten minutes."""

from typing import Any

from tsforecast.formatting import duration
from tsforecast.planning.estimates import users, verdict

TEN_MINUTES = 600.0
METHOD = (
    "Method. Every figure is of a process of its own. A step is the median of {calls} timed train steps or more, "
    "on noise of the data's shape, after compilation and two steps to warm up; ± is half the distance between the "
    "quartiles of the timed steps, and is carried through all that is multiplied from a step: a pass is a step times "
    "the steps of one pass over the training windows, and batches in ten minutes are 600 s divided by a step. Waiting "
    "for input, validation, checkpoints, start-up and compilation are not in them; job=rehearsal measures steps with "
    "their input. Cold is from the start of the process to its first forecast of one window, with imports, building "
    "the model and compilation; warm is the median of the later ones. The ensemble's row: its step is the mean of its "
    "members', its pass their sum, and its forecasts were measured with all members in one model."
)


def summary(
    rows: dict[str, dict[str, dict[str, Any]]],
    served: dict[str, dict[str, Any]],
    *,
    windows: int,
    batch_size: int,
) -> dict[str, Any]:
    """The table's figures by device.

    Args:
        rows: by device and model, ``train`` and ``infer`` as ``timing.seconds_per_call`` returns them, and ``cold``.
        served: by device, ``infer`` and ``cold`` of the ensemble; empty where there is none.
        windows: of training; a pass takes ``windows // batch_size`` steps.
        batch_size: of the timed steps.
    """
    steps = max(1, windows // batch_size)
    return {device: _device(models, served.get(device), steps) for device, models in rows.items()}


def _device(models: dict[str, dict[str, Any]], served: dict[str, Any] | None, steps: int) -> dict[str, Any]:
    by_model = {name: _model(row, steps) for name, row in models.items()}
    found: dict[str, Any] = {
        "models": by_model,
        "least_calls": min(row["train"]["calls"] for row in models.values()),
    }
    if served is not None:
        hours, step, error = (
            [row[key] for row in by_model.values()] for key in ("hours_a_pass", "step", "step_error")
        )
        mean = sum(step) / len(step)
        found["ensemble"] = {
            "step": mean,
            "step_error": sum(error) / len(error),
            "batches_in_ten_minutes": TEN_MINUTES / mean,
            "hours_a_pass": sum(hours),
            "hours_error": sum(row["hours_error"] for row in by_model.values()),
            "forecast_cold": served["cold"],
            "forecast_warm": served["infer"]["median"],
        }
    return found


def _model(row: dict[str, Any], steps: int) -> dict[str, float]:
    train, infer = row["train"], row["infer"]
    error = (train["high"] - train["low"]) / 2
    return {
        "step": train["median"],
        "step_error": error,
        "batches_in_ten_minutes": TEN_MINUTES / train["median"],
        "hours_a_pass": steps * train["median"] / 3600,
        "hours_error": steps * error / 3600,
        "forecast_cold": row["cold"],
        "forecast_warm": infer["median"],
    }


def markdown(result: dict[str, Any]) -> str:
    """The table for reading, with the users' figures beside and the method below."""
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    lines = [
        f"# Training and forecasting: {result['rows']:,} rows, batch {result['batch_size']}, {result['policy']}",
        "",
        f"{versions}; {result['windows']:,} training windows.",
        "",
        "| device | model | a step | 1,000 batches | batches in 10 min | a pass | one forecast, cold | warm |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for device, found in result["devices"].items():
        together = [("the ensemble", found["ensemble"])] if "ensemble" in found else []
        for name, row in [*found["models"].items(), *together]:
            lines.append(f"| {device} | {name} | {_cells(row)} |")
    lines += ["", *_beside(result), ""]
    calls = min(found["least_calls"] for found in result["devices"].values())
    return "\n".join([*lines, METHOD.format(calls=calls), ""])


def _cells(row: dict[str, float]) -> str:
    step = f"{duration(row['step'])} ± {duration(row['step_error'])}"
    hours = f"{row['hours_a_pass']:.2f} ± {row['hours_error']:.2f} h"
    batches = [duration(1000 * row["step"]), f"{row['batches_in_ten_minutes']:,.0f}"]
    return " | ".join([step, *batches, hours, duration(row["forecast_cold"]), duration(row["forecast_warm"])])


def _beside(result: dict[str, Any]) -> list[str]:
    """The users' figures beside those of the ensemble; only when it is theirs."""
    theirs = users()
    lines = ["| device | line | the users' estimate | here | holds? |", "|---|---|---:|---:|---|"]
    for device, found in result["devices"].items():
        if sorted(found["models"]) != sorted(theirs["members"]) or "ensemble" not in found:
            continue
        kind, together = result["kinds"][device], found["ensemble"]
        hours = theirs["hours_to_train"]
        rows = [
            ("hours to train the five; here one pass of each", hours, together["hours_a_pass"]),
            (
                "seconds a forecast of the ensemble, warm",
                theirs["seconds_per_forecast"],
                together["forecast_warm"],
            ),
            (
                "seconds a forecast of the ensemble, cold",
                theirs["seconds_per_forecast"],
                together["forecast_cold"],
            ),
            (
                "minutes for 1,000 batches of 32",
                theirs["minutes_per_1000_batches"],
                together["step"] * 1000 / 60,
            ),
        ]
        for line, estimate, ours in rows:
            of = kind if kind in estimate else "gpu"
            word = line if of == kind else f"{line}; theirs is of a {of}"
            lines.append(
                f"| {device} | {word} | {estimate[of]:g} | {ours:.3g} | {verdict(estimate[of], ours)} |"
            )
        passes = hours[kind] / together["hours_a_pass"]
        lines.append(f"| {device} | passes of each in their hours | not stated | {passes:,.1f} | |")
    return lines if len(lines) > 2 else []
