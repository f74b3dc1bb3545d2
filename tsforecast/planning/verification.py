"""The table of predicted against measured memory."""

from typing import Any

from tsforecast.planning.estimates import TOLERANCE
from tsforecast.planning.formatting import size

STEPS = {"train": "a train step", "infer": "a forecast"}


def outside(ratios: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows whose ratio of predicted to measured is further from 1 than the tolerance."""
    return [row for row in ratios if abs(row["ratio"] - 1) > TOLERANCE]


def markdown(result: dict[str, Any]) -> str:
    """Ratios by model, one table for each kind of step and policy, with the measured sizes beside them.

    Args:
        result: ``ratios`` (see ``jobs.verify``), ``outside``, ``device``, ``versions``, ``batches``, ``policies`` and
            how each ``resolved``.
    """
    batches, policies = result["batches"], result["policies"]
    by = {(row["model"], row["policy"], row["batch_size"], row["step"]): row for row in result["ratios"]}
    models = list(dict.fromkeys(row["model"] for row in result["ratios"]))
    resolved = ", ".join(
        f"{policy} is {name}" for policy, name in result["resolved"].items() if policy != name
    )
    lines = [
        f"Predicted / measured, and what was measured, on {result['device']}; "
        + (f"{resolved}; " if resolved else "")
        + ", ".join(f"{name} {version}" for name, version in result["versions"].items())
        + ".",
    ]
    heads = [f"{policy}, {batch}" for policy in policies for batch in batches]
    for step, title in STEPS.items():
        lines += ["", f"| {title} | {' | '.join(heads)} |", "|---|" + "---:|" * len(heads)]
        for model in models:
            cells = [by.get((model, policy, batch, step)) for policy in policies for batch in batches]
            lines.append(f"| {model} | {' | '.join(map(_cell, cells))} |")
    count, all_of_them = len(result["outside"]), len(result["ratios"])
    lines += ["", f"{all_of_them - count} of {all_of_them} lie within {TOLERANCE:.0%}.", ""]
    return "\n".join(lines)


def _cell(row: dict[str, Any] | None) -> str:
    return "–" if row is None else f"{row['ratio']:.2f} ({size(row['measured'])})"
