"""Champion and challenger on the newest held-out days: is the challenger no worse, on spikes too, and quick enough?"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from tsforecast.data.dataset import ForecastDataset
from tsforecast.jobs import results
from tsforecast.metrics.bootstrap import Interval, rmse_difference
from tsforecast.metrics.window_errors import WindowErrors


def compare(
    dataset: ForecastDataset, champion: Any, make_challenger: Callable[[], Any], *, latency_bar: float
) -> tuple[Any, dict[str, Any]]:
    """Scores both on the test windows of ``dataset`` and says whether the challenger may take over.

    It may when its RMSE there is not above the champion's, when on spikes it is not surely above (a 95 % interval of a
    paired block bootstrap), and when a forecast of one window takes no longer than ``latency_bar`` milliseconds.

    ``make_challenger`` is called once the champion has forecast, and may make the challenger of it.

    Returns:
        The challenger, and of both ``champion`` and ``challenger`` (metrics), ``difference`` and ``on_spikes`` (value,
        low, high; None without enough windows), ``latency_ms``, ``in_words``, and ``rejection_reason``, a
        sentence, or None where it may.
    """
    from tsforecast.evaluation.evaluate import add_split, evaluate

    found = [evaluate(champion, dataset, "test")]
    on = _on_spikes(dataset, champion, found[0])
    challenger = make_challenger()
    found.append(evaluate(challenger, dataset, "test"))
    reach = dataset.window["lead"] + dataset.window["horizon"] - 1
    overall = _difference(found, reach, np.ones_like(on))
    spikes = _difference(found, reach, on)
    apart = found[1].figures["rmse"] - found[0].figures["rmse"]
    latency, unit = results.latency(challenger, dataset)["median"], dataset.series.unit
    words = (
        f"RMSE {found[1].figures['rmse']:.4f} against {found[0].figures['rmse']:.4f} {unit}".rstrip()
        + " on held-out days"
    )
    rejection_reason = None
    if not np.isfinite(apart) or apart > 0:
        rejection_reason = f"the challenger is worse: {words}."
    elif spikes is not None and spikes.low > 0:
        rejection_reason = (
            f"the challenger is worse on spikes: RMSE higher by {spikes.value:.4f} {unit}".rstrip() + "."
        )
    elif latency > latency_bar:
        rejection_reason = (
            f"the challenger takes {latency:.1f} ms a forecast, retrain.latency_ms allows {latency_bar:g}."
        )
    return challenger, {
        "champion": add_split(found[0].figures, "test"),
        "challenger": add_split(found[1].figures, "test"),
        "difference": None if overall is None else dataclasses.asdict(overall),
        "on_spikes": None if spikes is None else dataclasses.asdict(spikes),
        "latency_ms": latency,
        "in_words": words,
        "why_not": rejection_reason,
    }


def _on_spikes(dataset: ForecastDataset, model: Any, found: Any) -> np.ndarray:
    """Which truths ``[n, H, T]`` stand above the last known value by more than the model's threshold."""
    given = (model.metadata.get("spike") or {}).get("threshold") or [None] * found.truth.shape[-1]
    thresholds = np.array([np.inf if value is None else value for value in given], float)
    known = dataset.inputs[found.ends][:, list(dataset.target_indices)]
    return found.truth - dataset.scaler.inverse_targets(known)[:, None] > thresholds


def _difference(found: list[Any], reach: int, where: np.ndarray) -> Interval | None:
    """The challenger's RMSE minus the champion's over some of the truths; None where there are too few."""
    if not where.any():
        return None
    errors = [
        WindowErrors.from_forecasts(one.ends, np.where(where, one.truth, np.nan), one.forecast)
        for one in found
    ]
    return rmse_difference(errors[1], errors[0], reach)
