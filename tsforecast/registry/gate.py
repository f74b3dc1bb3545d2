"""The promotion gate: what a retrained model must pass on held-out days before it replaces the champion.

A challenger is promoted if

1. its RMSE is not above the champion's,
2. its RMSE on spikes is not significantly above the champion's (95 % interval of a paired block bootstrap), and
3. a forecast of one window takes no longer than ``retrain.latency_ms``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tsforecast.metrics.bootstrap import Interval, rmse_difference
from tsforecast.metrics.formatting import format_value
from tsforecast.metrics.series import mean_over_series
from tsforecast.metrics.window_errors import WindowErrors

if TYPE_CHECKING:
    from tsforecast.data.dataset import ForecastDataset
    from tsforecast.evaluation.evaluate import Evaluation
    from tsforecast.models.protocol import Model


@dataclass(frozen=True)
class GateResult:
    """How champion and challenger compare on the held-out days.

    Args:
        champion: Metrics of the champion, for example ``test/rmse``.
        challenger: Metrics of the challenger.
        difference: RMSE of the challenger minus that of the champion, None without enough windows or for many series.
        on_spikes: The same on spikes only.
        latency_ms: Median milliseconds of the challenger's forecast of one window.
        summary: Both RMSEs in words.
        rejection_reason: Why the challenger is not promoted, in one sentence; None if it is.

    Example:
        >>> result = GateResult({"test/rmse": 1.2}, {"test/rmse": 1.1}, None, None, 8.0, "RMSE 1.1 against 1.2", None)
        >>> result.is_passed
        True
    """

    champion: dict[str, float]
    challenger: dict[str, float]
    difference: Interval | None
    on_spikes: Interval | None
    latency_ms: float
    summary: str
    rejection_reason: str | None

    @property
    def is_passed(self) -> bool:
        """Whether the challenger is promoted."""
        return self.rejection_reason is None

    def to_json(self) -> dict[str, Any]:
        """Return what ``retraining.json`` holds."""
        fields = dataclasses.asdict(self)
        fields["in_words"] = fields.pop("summary")
        return fields


def compare_models(
    dataset: ForecastDataset,
    champion: Model,
    load_challenger: Callable[[], Model],
    *,
    max_latency_ms: float,
) -> tuple[Model, GateResult]:
    """Score champion and challenger on the test windows of a dataset, and decide whether to promote the challenger.

    Args:
        dataset: Data with the held-out days as test split.
        champion: The champion.
        load_challenger: Returns the challenger. It is called after the champion has forecast, and may reuse the
            champion's network for it.
        max_latency_ms: Milliseconds that a forecast of one window may take.

    Returns:
        The challenger and the result.
    """
    from tsforecast.evaluation.evaluate import add_split, evaluate
    from tsforecast.evaluation.latency import measure_latency

    before = evaluate(champion, dataset, "test")
    is_spike = _find_spikes(dataset, champion, before)
    challenger = load_challenger()
    after = evaluate(challenger, dataset, "test")
    reach = dataset.window["lead"] + dataset.window["horizon"] - 1
    is_single = dataset.series.panel is None
    on_spikes = _difference(before, after, reach, is_spike) if is_single else None
    latency, unit = measure_latency(challenger, dataset)["median"], dataset.series.unit
    unit = unit if is_single else ""
    label, *errors = _judged(after, before)
    challenger_error, champion_error = (format_value(value, unit) for value in errors)
    summary = f"{label} {challenger_error} on held-out days, champion {champion_error}"
    result = GateResult(
        champion=add_split(before.figures, "test"),
        challenger=add_split(after.figures, "test"),
        difference=_difference(before, after, reach, np.ones_like(is_spike)) if is_single else None,
        on_spikes=on_spikes,
        latency_ms=latency,
        summary=summary,
        rejection_reason=None,
    )
    reason = find_rejection_reason(errors[0] - errors[1], on_spikes, latency, max_latency_ms, summary, unit)
    return challenger, dataclasses.replace(result, rejection_reason=reason)


def find_rejection_reason(
    error_increase: float,
    on_spikes: Interval | None,
    latency_ms: float,
    max_latency_ms: float,
    summary: str,
    unit: str,
) -> str | None:
    """Return why a challenger is rejected, in one sentence, or None if it is promoted.

    Args:
        error_increase: RMSE of the challenger minus that of the champion; of many series their MASE.
        on_spikes: The increase of the RMSE on spikes, with its 95 % interval; None without enough of them.
        latency_ms: Milliseconds of a forecast of one window.
        max_latency_ms: Milliseconds that it may take.
        summary: Both errors in words.
        unit: Unit of the RMSE.

    Example:
        >>> find_rejection_reason(-0.1, None, 80.0, 50.0, "RMSE 1.1 against 1.2 kW", "kW")
        'the challenger takes 80.0 ms per forecast, and retrain.latency_ms allows 50.'
    """
    if not np.isfinite(error_increase) or error_increase > 0:
        return f"the challenger is worse: {summary}."
    if on_spikes is not None and on_spikes.low > 0:
        return (
            f"the challenger is worse on spikes: RMSE higher by {on_spikes.value:.4f} {unit}".rstrip() + "."
        )
    if latency_ms > max_latency_ms:
        limit = f"retrain.latency_ms allows {max_latency_ms:g}"
        return f"the challenger takes {latency_ms:.1f} ms per forecast, and {limit}."
    return None


def _judged(after: Evaluation, before: Evaluation) -> tuple[str, float, float]:
    """Return which error decides, and that of challenger and champion.

    Of many series it is the mean of their MASE, in which those of small numbers count as much as those of large ones.
    """
    if after.series is None or before.series is None:
        return "RMSE", after.figures["rmse"], before.figures["rmse"]
    mase = [mean_over_series(scores.figures)["mase"] for scores in (after.series, before.series)]
    return "MASE", mase[0], mase[1]


def _find_spikes(dataset: ForecastDataset, model: Model, evaluation: Evaluation) -> np.ndarray:
    """Return which truths ``[n, H, T]`` are above the last known value by more than the model's threshold."""
    stored = (model.metadata.get("spike") or {}).get("threshold") or [None] * evaluation.truth.shape[-1]
    thresholds = np.array([np.inf if value is None else value for value in stored], float)
    last = dataset.inputs[evaluation.ends][:, list(dataset.target_indices)]
    is_spike: np.ndarray = evaluation.truth - dataset.scaler.inverse_targets(last)[:, None] > thresholds
    return is_spike


def _difference(before: Evaluation, after: Evaluation, reach: int, where: np.ndarray) -> Interval | None:
    """Return the increase of the RMSE over the truths ``where`` is True; None if there are too few."""
    if not where.any():
        return None
    errors = [
        WindowErrors.from_forecasts(
            evaluation.ends, np.where(where, evaluation.truth, np.nan), evaluation.forecast
        )
        for evaluation in (after, before)
    ]
    return rmse_difference(errors[0], errors[1], reach)
