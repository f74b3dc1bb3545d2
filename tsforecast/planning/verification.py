"""The table of predicted and measured memory."""

from collections.abc import Iterable
from typing import Any

from tsforecast.formatting import size
from tsforecast.planning.estimates import TOLERANCE
from tsforecast.planning.memory import MemoryEstimate, compare_with_measurement

TITLES = {"train": "training step", "infer": "forecast"}


def compare_rows(
    name: str, policy: str, estimate: MemoryEstimate, measured: Iterable[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return one row per measured batch size and kind of step, with predicted and measured bytes and their ratio.

    Args:
        name: Name of the model.
        policy: Precision policy of the measurement, as in the config.
        estimate: Predicted memory.
        measured: Measured rows, see ``measurement.measure_step``.
    """
    return [
        {"model": name, "policy": policy, "batch_size": row["batch_size"], "step": step, **figures}
        for row in measured
        for step, figures in compare_with_measurement(estimate, row).items()
    ]


def rows_outside_tolerance(ratios: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows whose ratio of predicted to measured differs from 1 by more than the tolerance."""
    return [row for row in ratios if abs(row["ratio"] - 1) > TOLERANCE]


def markdown(result: dict[str, Any]) -> str:
    """Return the ratios by model, one table per kind of step, with the measured sizes in parentheses.

    Args:
        result: Content of ``verify.json``: ``ratios``, ``outside``, ``device``, ``versions``, ``batches``, ``policies``
            and the policy that each of them ``resolved`` to.
    """
    columns = [(policy, batch) for policy in result["policies"] for batch in result["batches"]]
    heads = [f"{policy}, {batch}" for policy, batch in columns]
    cells = {(row["model"], row["policy"], row["batch_size"], row["step"]): row for row in result["ratios"]}
    lines = [_circumstances(result)]
    for step, title in TITLES.items():
        lines += ["", f"| {title} | {' | '.join(heads)} |", "|---|" + "---:|" * len(heads)]
        for model in dict.fromkeys(row["model"] for row in result["ratios"]):
            row = [_cell(cells.get((model, policy, batch, step))) for policy, batch in columns]
            lines.append(f"| {model} | {' | '.join(row)} |")
    outside, total = len(result["outside"]), len(result["ratios"])
    return "\n".join([*lines, "", f"{total - outside} of {total} are within {100 * TOLERANCE:.0f} %.", ""])


def _circumstances(result: dict[str, Any]) -> str:
    resolved = [f"{policy} is {name}" for policy, name in result["resolved"].items() if policy != name]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    parts = [result["device"], *([", ".join(resolved)] if resolved else []), versions]
    return f"Predicted / measured, with the measured value in parentheses, on {'; '.join(parts)}."


def _cell(row: dict[str, Any] | None) -> str:
    return "–" if row is None else f"{row['ratio']:.2f} ({size(row['measured'])})"
