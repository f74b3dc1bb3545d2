"""Permutation importance: which features, and how far back, the model depends on."""

from collections.abc import Mapping
from typing import Any

from tsforecast.reporting.context import Report
from tsforecast.reporting.elements import Bar, Bars, Section

ORDER = 60
UNITS = ((86_400, "days"), (3_600, "h"), (60, "min"), (1, "s"))


def build(report: Report) -> list[Section]:
    """Return the bars of the features and of the blocks of time, if they were measured."""
    importance = report.result.get("explanation")
    if not importance:
        return []
    unit, step = report.unit, report.step_seconds
    rise = f"Rise of the RMSE{f' ({unit})' if unit else ''}"
    how = (
        f"on {importance['windows']:,} test windows, mean and standard deviation over {importance['repeats']}"
        f" permutations. Unshuffled, the RMSE is {importance['rmse']:.4g}{f' {unit}' if unit else ''}."
    )
    features = [_bar(part["feature"].replace("_", " "), part) for part in importance["features"]]
    blocks = [_bar(block_label(part["first"], part["last"], step), part) for part in importance["blocks"]]
    return [
        Section(
            "Which features the model depends on",
            [Bars(features)],
            f"{rise} when the history of one feature is taken from other windows, {how} Features with the same"
            " information share their importance.",
        ),
        Section(
            "How far back the model looks",
            [Bars(blocks)],
            f"{rise} when all features of one stretch of time are taken from other windows, {how}",
        ),
    ]


def _bar(label: str, part: Mapping[str, Any]) -> Bar:
    return Bar(label, part["rise"], part["spread"])


def block_label(first: int, last: int, step_seconds: int) -> str:
    """Return the label of a block of time.

    Args:
        first: Its newest step back, 1 for the last input.
        last: Its oldest step back.
        step_seconds: Seconds between two rows, 0 if unknown.

    Example:
        >>> block_label(1, 1, 60), block_label(31, 60, 60)
        ('last step', '31 to 60 steps back (30 to 59 min ago)')
    """
    if last == 1:
        return "last step"
    steps = f"{first} to {last} steps back" if first < last else f"{last} steps back"
    for seconds, name in UNITS:
        if step_seconds > 0 and (last - 1) * step_seconds >= seconds:
            ends = dict.fromkeys(f"{(step - 1) * step_seconds / seconds:.3g}" for step in (first, last))
            return f"{steps} ({' to '.join(ends)} {name} ago)"
    return steps
