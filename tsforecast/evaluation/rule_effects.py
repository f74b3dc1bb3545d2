"""What each rule did on a split: how often it fired, and the error where it fired, with and without it."""

from typing import Any

import numpy as np

from tsforecast.data.dataset import ForecastDataset
from tsforecast.inference.predict import forecast
from tsforecast.metrics import point_metrics

COLUMNS = ("rule", "trust", "fired", "share", "changed", "rmse_with", "rmse_without")


def rule_effects(model: Any, dataset: ForecastDataset, split: str = "test") -> list[dict[str, Any]]:
    """A row a rule of a ``RuleBased`` model; none for a model without rules.

    Args:
        model: any forecaster.
        dataset: the data.
        split: train, val or test.

    Returns:
        ``rule`` (name), ``trust``, ``fired`` (windows where its condition held), their ``share``, ``changed`` (windows
        whose forecast is another with it), and ``rmse_with`` and ``rmse_without`` that rule, the others in force, over
        the windows where it fired, for the rule's target in its unit; None where it never fired.
    """
    if not getattr(model, "rules", None):
        return []
    windows = dataset.windows(split)
    truth = dataset.scaler.inverse_targets(windows.targets(windows.ends))
    fired = forecast(model.conditions_model(), windows)
    applied = _points(model, dataset, windows)
    rows = []
    for place, (rule, trust) in enumerate(zip(model.rules, model.trusts(), strict=True)):
        where = fired[:, place].astype(bool)
        row = {"rule": rule["name"], "trust": trust, "fired": int(where.sum()), "share": float(where.mean())}
        if where.any():
            with model.without_rule(place):
                left_out = _points(model, dataset, windows)
            row["changed"] = int(np.any(applied != left_out, axis=(1, 2)).sum())
            target = slice(rule["target"], rule["target"] + 1)
            for name, values in (("rmse_with", applied), ("rmse_without", left_out)):
                row[name] = point_metrics(truth[where][..., target], values[where][..., target])["rmse"]
        rows.append({column: row.get(column) for column in COLUMNS})
    return rows


def _points(model: Any, dataset: ForecastDataset, windows: Any) -> np.ndarray:
    """The point forecasts ``[n, H, T]`` in the target's unit."""
    values, levels = forecast(model, windows), model.task.quantile_levels
    return dataset.scaler.inverse_targets(values if levels is None else values[..., levels.index(0.5)])
