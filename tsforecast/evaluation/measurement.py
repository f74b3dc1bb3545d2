"""Everything that a finished run measures on its best model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tsforecast.data.dataset import ForecastDataset
from tsforecast.evaluation.importance import explain
from tsforecast.evaluation.latency import measure_latency
from tsforecast.evaluation.result import best_validation
from tsforecast.evaluation.rule_effects import rule_effects
from tsforecast.evaluation.scores import TestScores

if TYPE_CHECKING:
    from tsforecast.evaluation.options import ReportOptions
    from tsforecast.models.protocol import Model


def measure_run(
    model: Model,
    dataset: ForecastDataset,
    scores: TestScores,
    history: Sequence[Mapping[str, Any]],
    options: ReportOptions,
    seed: int,
) -> dict[str, Any]:
    """Return the fields of a `RunResult` that are measured on the model.

    Args:
        model: Best model of the run.
        dataset: Data of the run.
        scores: Scores of the model on the test split.
        history: Rows of ``metrics.jsonl``.
        options: What is measured in addition to the scores.
        seed: Random seed of the permutations.
    """
    fields: dict[str, Any] = dict(scores.to_fields())
    fields["metrics"] = best_validation(history) | fields["metrics"]
    fields["rules"] = rule_effects(model, dataset)
    if options.explain:
        windows, repeats = options.explain_windows, options.explain_repeats
        fields["explanation"] = explain(model, dataset, windows=windows, repeats=repeats, seed=seed)
    if options.latency:
        fields["latency_ms"] = measure_latency(model, dataset)
    return fields
