"""The spike scorecard of a run: alarm level from validation windows, scores from test windows, one target at a time."""

from typing import Any

import numpy as np

from tsforecast.data.dataset import ForecastDataset
from tsforecast.evaluation.evaluate import Evaluation, evaluate
from tsforecast.metrics import persistence_forecast, spikes

DAY = 86_400
ALARM_WINDOWS = (
    50_000  # of the validation split's newest: enough for thousands of events, and quick for every model
)


def spike_scores(
    model: Any,
    dataset: ForecastDataset,
    test: Evaluation,
    *,
    min_gap: int,
    tolerance: int,
    validation: Evaluation | None = None,
) -> dict[str, dict[str, Any]]:
    """Scores how well a model foresees spikes.

    The score of a window is the probability from a spike head; of a model without one the probability that quantiles
    give, or the largest forecast rise. The alarm level is that with the best event F1 on validation windows.

    Args:
        model: a forecaster whose card holds ``spike.threshold``.
        dataset: the data.
        test: the model's forecasts of the test split.
        min_gap: steps between the onsets of two events.
        tolerance: steps by which an alarm may be early or late.
        validation: the model's forecasts of the ``ALARM_WINDOWS`` newest validation windows, where they were made
            already.

    Returns:
        For each target that has a threshold: ``threshold`` (in its unit), ``score`` (what ranks the windows),
        ``alarm_level``, the figures of ``spikes.scorecard`` for ``model``, ``random`` and ``always``, and the errors of
        ``persistence`` on spike steps and off them.
    """
    thresholds = (model.metadata.get("spike") or {}).get("threshold") or []
    if not any(value is not None for value in thresholds):
        return {}
    validation = validation or evaluate(model, dataset, "val", newest=ALARM_WINDOWS)
    levels, found = model.task.quantile_levels, {}
    for index, (target, threshold) in enumerate(zip(dataset.series.targets, thresholds, strict=True)):
        if threshold is None:
            continue
        rule = spikes.SpikeRule(
            threshold=threshold,
            lead=dataset.window["lead"],
            min_gap=min_gap,
            tolerance=tolerance,
            rows_per_day=DAY / dataset.series.step,
            stride=dataset.window["stride"],
        )
        found[target] = _of_target(dataset, validation, test, index, rule, levels)
    return found


def spike_metrics(found: dict[str, dict[str, Any]]) -> dict[str, float]:
    """The headline figures, each the mean over the targets: ``spike_average_precision``, ``spike_f1`` and so on."""
    names = {
        "spike_average_precision": "average_precision",
        "spike_f1": "event_f1",
        "spike_false_alarms_per_day": "false_alarms_per_day",
    }
    return {
        name: float(np.mean([target["model"][key] for target in found.values()]))
        for name, key in names.items()
        if found
    }


def spike_tables(found: dict[str, dict[str, Any]], unit: str) -> list[tuple[str, str, list[dict[str, Any]]]]:
    """The scorecard as tables for the report: heading, a sentence, rows; one table a target."""
    return [_table(target, scores, unit, named=len(found) > 1) for target, scores in found.items()]


def _of_target(
    dataset: ForecastDataset,
    validation: Evaluation,
    test: Evaluation,
    index: int,
    rule: spikes.SpikeRule,
    levels: tuple[float, ...] | None,
) -> dict[str, Any]:
    origins = [_origin(dataset, part, index) for part in (validation, test)]
    scores = [
        _score(part, origin, index, rule.threshold, levels)
        for part, origin in zip((validation, test), origins, strict=True)
    ]
    level = spikes.choose_alarm_level(
        validation.truth[..., index], origins[0], validation.ends, scores[0][1], rule
    )
    card = spikes.scorecard(
        test.truth[..., index],
        test.forecast[..., index],
        origins[1],
        test.ends,
        scores[1][1],
        alarm_level=level,
        rule=rule,
    )
    known = _known(dataset, test, index)
    persistence = persistence_forecast(known[:, None], np.arange(len(known)), test.truth.shape[1])[..., 0]
    card["persistence"] = spikes.spike_step_errors(
        test.truth[..., index], persistence, origins[1], rule.threshold
    )
    return {"threshold": rule.threshold, "score": scores[1][0], "alarm_level": level, **card}


def _origin(dataset: ForecastDataset, part: Evaluation, index: int) -> np.ndarray:
    """The target ``[n]`` at each window's last input row in its unit, NaN where it was not observed."""
    return dataset.scaler.inverse_targets(dataset.truths[part.ends])[:, index]


def _known(dataset: ForecastDataset, part: Evaluation, index: int) -> np.ndarray:
    """The target ``[n]`` as the model saw it at the last input row: filled, in its unit."""
    filled = dataset.inputs[part.ends][:, list(dataset.target_indices)]
    return dataset.scaler.inverse_targets(filled)[:, index]


def _score(
    part: Evaluation, origin: np.ndarray, index: int, threshold: float, levels: tuple[float, ...] | None
) -> tuple[str, np.ndarray]:
    if part.spike is not None:
        return "probability of the spike head", part.spike[..., index].max(axis=1)
    if part.quantiles is not None and levels is not None and len(levels) > 1:
        quantiles = part.quantiles[:, :, index]
        return "exceedance probability of the quantiles", spikes.exceedance_probability(
            quantiles, levels, origin, threshold
        )
    return "forecast rise", spikes.forecast_rise(part.forecast[..., index], origin)


def _table(
    target: str, scores: dict[str, Any], unit: str, named: bool
) -> tuple[str, str, list[dict[str, Any]]]:
    rows = []
    labels = {
        "average_precision": "average precision",
        "event_f1": "event F1",
        "event_precision": "event precision",
        "event_recall": "event recall",
        "lead_time_minutes": "lead time (minutes, median)",
        "false_alarms_per_day": "false alarms a day",
        "rmse_on": f"RMSE on spikes ({unit})",
        "rmse_off": f"RMSE off spikes ({unit})",
        "mae_on": f"MAE on spikes ({unit})",
        "mae_off": f"MAE off spikes ({unit})",
    }
    for key, label in labels.items():
        columns = {
            "model": scores["model"],
            "random score": scores["random"],
            "always alarming": scores["always"],
            "persistence": scores["persistence"],
        }
        rows.append(
            {
                "figure": label if unit else label.replace(" ()", ""),
                **{name: column.get(key) for name, column in columns.items()},
            }
        )
    model = scores["model"]
    sentence = (
        f"A spike is a rise of more than {scores['threshold']:.4g} {unit}".rstrip()
        + f" over the window's last value; {100 * model['prevalence']:.1f} % of the windows have one,"
        f" {model['events']:.0f} events. Windows are ranked by the {scores['score']}; the alarm level is that with the"
        " best event F1 on validation. Beside it two floors that know nothing, and the errors of persistence."
    )
    return f"Spikes{f' of {target}' if named else ''}", sentence, rows
