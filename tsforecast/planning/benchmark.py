"""From timed steps to a table: hours to train, seconds per forecast, batches in ten minutes."""

from collections.abc import Iterator
from typing import Any

from tsforecast.formatting import duration
from tsforecast.planning.estimates import user_estimates, verdict

TEN_MINUTES = 600.0
METHOD = (
    "Method. Every figure was measured in its own process. A step is the median of at least {calls} timed train steps "
    "on random data of the right shape, after compilation and two warm-up steps; ± is half the distance between the "
    "quartiles of the timed steps, and is multiplied like the step itself. A pass is a step times the number of steps "
    "in one pass over the training windows, and batches in ten minutes are 600 s divided by a step. Waiting for "
    "input, validation, checkpoints, start-up and compilation are not included; job=rehearsal measures steps with "
    "their input. The first forecast is measured from the start of the process to its first forecast of one window, "
    "including imports, building the model and compilation; the warm forecast is the median of the later ones. In the "
    "row of the ensemble, the step is the mean of its members' steps, the pass their sum, and the forecasts were "
    "measured with all members in one model."
)


def summarize(
    rows: dict[str, dict[str, dict[str, Any]]],
    served: dict[str, dict[str, Any]],
    *,
    windows: int,
    batch_size: int,
) -> dict[str, Any]:
    """Return the figures of the table by device.

    Args:
        rows: Measurements by device and model, see ``measurement.measure_step``.
        served: Measurements of the ensemble's forecast by device; empty without an ensemble.
        windows: Number of training windows; a pass takes ``windows // batch_size`` steps.
        batch_size: Windows per timed step.
    """
    steps = max(1, windows // batch_size)
    return {device: _summarize_device(models, served.get(device), steps) for device, models in rows.items()}


def _summarize_device(
    models: dict[str, dict[str, Any]], served: dict[str, Any] | None, steps: int
) -> dict[str, Any]:
    by_model = {name: _summarize_model(row, steps) for name, row in models.items()}
    summary: dict[str, Any] = {
        "models": by_model,
        "least_calls": min(row["train"]["calls"] for row in models.values()),
    }
    if served is not None:
        summary["ensemble"] = _summarize_ensemble(list(by_model.values()), served)
    return summary


def _summarize_model(row: dict[str, Any], steps: int) -> dict[str, float]:
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


def _summarize_ensemble(members: list[dict[str, float]], served: dict[str, Any]) -> dict[str, float]:
    step = sum(row["step"] for row in members) / len(members)
    return {
        "step": step,
        "step_error": sum(row["step_error"] for row in members) / len(members),
        "batches_in_ten_minutes": TEN_MINUTES / step,
        "hours_a_pass": sum(row["hours_a_pass"] for row in members),
        "hours_error": sum(row["hours_error"] for row in members),
        "forecast_cold": served["cold"],
        "forecast_warm": served["infer"]["median"],
    }


def markdown(result: dict[str, Any]) -> str:
    """Return the table, the comparison with the original estimates and the method.

    Args:
        result: Content of ``benchmark.json``.
    """
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    lines = [
        f"# Training and forecasting: {result['rows']:,} rows, batch size {result['batch_size']}, {result['policy']}",
        "",
        f"{versions}; {result['windows']:,} training windows.",
        "",
        "| device | model | one step | 1,000 batches | batches in 10 min | one pass | first forecast | warm forecast |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for device, summary in result["devices"].items():
        rows = {**summary["models"], **({"ensemble": summary["ensemble"]} if "ensemble" in summary else {})}
        lines += [f"| {device} | {name} | {_cells(row)} |" for name, row in rows.items()]
    lines += ["", *_comparison(result), ""]
    calls = min(summary["least_calls"] for summary in result["devices"].values())
    return "\n".join([*lines, METHOD.format(calls=calls), ""])


def _cells(row: dict[str, float]) -> str:
    step = f"{duration(row['step'])} ± {duration(row['step_error'])}"
    hours = f"{row['hours_a_pass']:.2f} ± {row['hours_error']:.2f} h"
    batches = [duration(1000 * row["step"]), f"{row['batches_in_ten_minutes']:,.0f}"]
    return " | ".join([step, *batches, hours, duration(row["forecast_cold"]), duration(row["forecast_warm"])])


def _comparison(result: dict[str, Any]) -> list[str]:
    """Return a table of the original estimates and the measured figures, if the models are those of the estimates."""
    members = sorted(user_estimates()["members"])
    rows = [
        f"| {device} | {line} |"
        for device, summary in result["devices"].items()
        if sorted(summary["models"]) == members and "ensemble" in summary
        for line in _comparison_cells(summary["ensemble"], result["kinds"][device])
    ]
    head = ["| device | quantity | user estimate | measured | estimate is |", "|---|---|---:|---:|---|"]
    return [*head, *rows] if rows else []


def _comparison_cells(ensemble: dict[str, float], kind: str) -> Iterator[str]:
    estimates = user_estimates()
    hours, forecast = estimates["hours_to_train"], estimates["seconds_per_forecast"]
    minutes = estimates["minutes_per_1000_batches"]
    rows = [
        ("hours to train the five models (measured: one pass each)", hours, ensemble["hours_a_pass"]),
        ("seconds per ensemble forecast, warm", forecast, ensemble["forecast_warm"]),
        ("seconds per ensemble forecast, first", forecast, ensemble["forecast_cold"]),
        ("minutes for 1,000 batches of 32", minutes, ensemble["step"] * 1000 / 60),
    ]
    for label, by_kind, measured in rows:
        if kind not in by_kind:
            label += " (estimate is for a GPU)"
        estimate = by_kind.get(kind, by_kind["gpu"])
        yield f"{label} | {estimate:g} | {measured:.3g} | {verdict(estimate, measured)}"
    passes = hours[kind] / ensemble["hours_a_pass"]
    yield f"passes of each model in the estimated hours | not stated | {passes:,.1f} |"
