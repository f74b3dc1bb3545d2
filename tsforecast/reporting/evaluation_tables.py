"""What an evaluation adds to the report: spike scorecards, the effects of rules, and importances."""

from collections.abc import Mapping, Sequence
from typing import Any

from tsforecast.metrics import METRICS, add_unit, metric_label

Table = tuple[str, str, list[dict[str, Any]]]
COLUMNS = {
    "model": "model",
    "random score": "random",
    "always alarming": "always",
    "persistence": "persistence",
}


def spike_tables(scores: Mapping[str, Mapping[str, Any]], unit: str) -> list[Table]:
    """Return the scorecards as tables: heading, a sentence and rows; one table per target.

    Args:
        scores: Target to its `SpikeScores`.
        unit: Unit of the targets.
    """
    return [_spike_table(target, card, unit, with_name=len(scores) > 1) for target, card in scores.items()]


def _spike_table(target: str, scores: Mapping[str, Any], unit: str, with_name: bool) -> Table:
    rows = [
        {
            "figure": metric_label(name, unit),
            **{column: scores[key].get(name) for column, key in COLUMNS.items()},
        }
        for name, metric in METRICS.items()
        if metric.source == "scorecard"
    ]
    model = scores["model"]
    threshold = f"{scores['threshold']:.4g} {unit}".rstrip()
    sentence = (
        f"A spike is a rise of more than {threshold} over the window's last value;"
        f" {100 * model['prevalence']:.1f} % of the windows have one, {model['events']:.0f} events. Windows are ranked"
        f" by the {scores['score']}; the alarm level is the one with the best event F1 on validation. Next to the model"
        " there are two floors that know nothing, and the errors of persistence."
    )
    return f"Spikes{f' of {target}' if with_name else ''}", sentence, rows


def rule_tables(rows: Sequence[dict[str, Any]], unit: str) -> list[Table]:
    """Return the effects of rules as a table, none without rules.

    Args:
        rows: What `rule_effects` returned.
        unit: Unit of the targets.
    """
    note = (
        "On how many test windows the condition of each rule held (fired) and how many forecasts it changed, the trust"
        f" that it learned (0: ignored, 1: obeyed), and the {add_unit('RMSE', unit)} over the windows where it fired,"
        " with the rule and without it."
    )
    return [("Rules", note, list(rows))] if rows else []


def explanation_bars(explanation: Mapping[str, Any] | None, unit: str, step_seconds: int) -> list[Table]:
    """Return the importances as bars, as ``bars_section`` takes them; none without an explanation.

    Args:
        explanation: What `explain` returned, or None.
        unit: Unit of the targets.
        step_seconds: Seconds between two rows of the data.
    """
    if explanation is None:
        return []
    rmse = f"{explanation['rmse']:.4g} {unit}".rstrip()
    rise = add_unit("Rise of the RMSE", unit)
    method = (
        f"on {explanation['windows']:,} test windows, mean and standard deviation of {explanation['repeats']}"
        f" permutations. Without shuffling, the RMSE is {rmse}."
    )
    features = [
        {"label": part["feature"].replace("_", " "), **_bar(part)} for part in explanation["features"]
    ]
    blocks = [{"label": _block_label(part, step_seconds), **_bar(part)} for part in explanation["blocks"]]
    return [
        (
            "Which features the model relies on",
            f"{rise} when one feature's history is taken from other windows, {method} Features that carry the same"
            " information share its importance.",
            features,
        ),
        (
            "How far back the model looks",
            f"{rise} when all features of one block of steps are taken from other windows, {method}",
            blocks,
        ),
    ]


def _bar(part: Mapping[str, Any]) -> dict[str, Any]:
    return {"value": part["rise"], "spread": part["spread"]}


def _block_label(part: dict[str, Any], step_seconds: int) -> str:
    first, last = part["first"], part["last"]
    steps = (
        "last step"
        if last == 1
        else f"{first} to {last} steps back"
        if first < last
        else f"{last} steps back"
    )
    if step_seconds <= 0 or last == 1:
        return steps
    for seconds, name in ((86_400, "days"), (3_600, "h"), (60, "min"), (1, "s")):
        if (last - 1) * step_seconds >= seconds:
            ends = dict.fromkeys(f"{(step - 1) * step_seconds / seconds:.3g}" for step in (first, last))
            return f"{steps} ({' to '.join(ends)} {name} ago)"
    return steps
