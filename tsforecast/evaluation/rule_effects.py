"""What each rule did on a split: how often it fired, and the error where it fired, with and without it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsforecast.data.dataset import ForecastDataset
from tsforecast.data.windows import Windows
from tsforecast.inference.predict import forecast
from tsforecast.metrics import point_metrics
from tsforecast.models.rule_based import RuleBased
from tsforecast.stages import stage

if TYPE_CHECKING:
    from tsforecast.models.protocol import Model

COLUMNS = ("rule", "trust", "fired", "share", "changed", "rmse_with", "rmse_without")


@stage("rules")
def rule_effects(model: Model, dataset: ForecastDataset, split: str = "test") -> list[dict[str, Any]]:
    """Return one row per rule of a ``RuleBased`` model, none for a model without rules.

    Args:
        model: Any forecaster.
        dataset: The data.
        split: ``train``, ``val`` or ``test``.

    Returns:
        ``rule`` (name), ``trust``, ``fired`` (windows where its condition held), their ``share``, ``changed`` (windows
        whose forecast it changes), and ``rmse_with`` and ``rmse_without`` that rule, the others in force, over
        the windows where it fired, for the rule's target in its unit; None where it never fired.
    """
    if not isinstance(model, RuleBased) or not model.rules:
        return []
    windows = dataset.windows(split)
    truth = dataset.scaler.inverse_targets(windows.targets(windows.ends))
    fired = forecast(model.conditions_model(), windows)
    applied = _points(model, dataset, windows)
    rows = []
    for index, (rule, trust) in enumerate(zip(model.rules, model.trusts(), strict=True)):
        where = fired[:, index].astype(bool)
        row = {"rule": rule["name"], "trust": trust, "fired": int(where.sum()), "share": float(where.mean())}
        if where.any():
            with model.disable_rule(index):
                without = _points(model, dataset, windows)
            row["changed"] = int(np.any(applied != without, axis=(1, 2)).sum())
            target = slice(rule["target"], rule["target"] + 1)
            for name, values in (("rmse_with", applied), ("rmse_without", without)):
                row[name] = point_metrics(truth[where][..., target], values[where][..., target])["rmse"]
        rows.append({column: row.get(column) for column in COLUMNS})
    return rows


def _points(model: Model, dataset: ForecastDataset, windows: Windows) -> np.ndarray:
    """Return the point forecasts ``[n, H, T]`` in the target's unit."""
    values, levels = forecast(model, windows), model.task.quantile_levels
    return dataset.scaler.inverse_targets(values if levels is None else values[..., levels.index(0.5)])
