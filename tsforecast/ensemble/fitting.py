"""Fitting of the weights of ensembles on validation rows, which no member was trained on."""

import dataclasses
from collections.abc import Callable, Mapping

import keras
import numpy as np

from tsforecast.data.dataset import ForecastDataset
from tsforecast.ensemble.model import WARM_UP, Ensemble
from tsforecast.ensemble.spike_head import fit_spike_head
from tsforecast.ensemble.window_outputs import WindowOutputs
from tsforecast.inference.predict import forward
from tsforecast.losses import Loss


@dataclasses.dataclass(frozen=True)
class ValidationOutputs:
    """The outputs of an ensemble on all validation windows.

    Args:
        outputs: Outputs of the windows.
        holdout_start: First window of the held-out part, which the weights are not fitted to.
        loss: Loss of the combined forecast on the held-out part.
    """

    outputs: WindowOutputs
    holdout_start: int
    loss: float


def fit_ensembles(
    ensembles: Mapping[str, Ensemble],
    chosen: str,
    dataset: ForecastDataset,
    parts: ForecastDataset,
    loss: Loss,
    *,
    seed: int,
    log: Callable[[str], None] = print,
) -> ValidationOutputs:
    """Fit the weights of ensembles of the same members, and the spike head of one of them.

    Args:
        ensembles: Ensembles by their weighting.
        chosen: Weighting whose ensemble gets a spike head and makes the returned outputs.
        dataset: Data of the run.
        parts: The same data as ``validation.split_validation`` returned them.
        loss: Loss of the combined forecast.
        seed: Random seed for the batch order.
        log: Called with each line of progress.
    """
    model, windows = ensembles[chosen], dataset.windows("val")
    log(f"\nforecasting {len(windows):,} validation windows with every member")
    outputs = model.window_outputs(windows, forward(model, windows))
    start = int(np.searchsorted(windows.ends, parts.windows("val").ends[0]))
    fitting, holdout = outputs.slice(0, start), outputs.slice(start)
    loss = loss.for_task(model.task)
    for ensemble in ensembles.values():
        ensemble.weighting.fit(fitting, holdout, loss=loss, seed=seed, log=log)
    if model.options["thresholds"] is not None:
        fit_spike_head(model, fitting, holdout, seed=seed, log=log)
    return ValidationOutputs(outputs, start, holdout_loss(model, loss, outputs, start))


def holdout_loss(model: Ensemble, loss: Loss, outputs: WindowOutputs, start: int) -> float:
    """Return the mean loss of the combined forecast over the observed truths of a held-out part.

    Args:
        model: Ensemble that made the outputs.
        loss: Loss of scaled truths and forecasts.
        outputs: Outputs of consecutive windows. Those before the held-out part provide the known errors at its start.
        start: First window of the held-out part.
    """
    first = max(start - WARM_UP, 0)
    part = outputs.slice(first)
    forecast = model.reweight(part.outputs, part.windows)["forecast"][start - first :]
    truth = part.truth[start - first :]
    observed = np.isfinite(truth)
    loss = loss.for_task(model.task)
    losses = keras.ops.convert_to_numpy(loss(np.where(observed, truth, 0.0).astype(np.float32), forecast))
    return float(losses[observed].mean(dtype=np.float64))
