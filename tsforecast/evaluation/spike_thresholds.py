"""The rise that counts as a spike, measured on the training rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsforecast.metrics.spikes import threshold_from_quantile

if TYPE_CHECKING:
    from tsforecast.data.dataset import ForecastDataset
    from tsforecast.evaluation.options import SpikeOptions

# Training rows; of more of them, evenly spaced blocks show how often the target rises how far.
MAX_ROWS = 2_000_000
BLOCKS = 64


def spike_thresholds(dataset: ForecastDataset, options: SpikeOptions) -> dict[str, list[float | None]]:
    """Return the rise that counts as a spike, from the options or the training rows.

    Args:
        dataset: The data.
        options: A fixed ``threshold``, or the ``quantile`` of the training rows' rises.

    Returns:
        ``threshold`` in the unit of each target (of many series scaled by themselves, in the spread of each) and
        ``threshold_scaled``; None for a target whose training rows
        contain no pair to measure a rise, or rise too rarely for ``quantile``. Under a curve, where a rise has no one
        size, ``threshold_scaled`` is that of a rise from the median.
    """
    lead, horizon, threshold = dataset.window["lead"], dataset.window["horizon"], options.threshold
    training = dataset.scaler.inverse_targets(_training_truths(dataset, lead + horizon))
    scaler, targets = dataset.scaler, list(dataset.target_indices)
    rises = [
        threshold_from_quantile(training[:, i], lead, horizon, options.quantile)
        if threshold is None
        else threshold
        for i in range(len(targets))
    ]
    thresholds = [float(value) if value >= 0 else None for value in rises]  # NaN is not >= 0
    if scaler.curved_targets:
        medians = np.nanmedian(training, axis=0)
        raised = medians + [0.0 if value is None else value for value in thresholds]
        rise = scaler.transform_targets(raised) - scaler.transform_targets(medians)
        scaled = [None if v is None else float(r) for v, r in zip(thresholds, rise, strict=True)]
    else:
        scales = scaler.scale[targets]
        scaled = [None if v is None else v / float(s) for v, s in zip(thresholds, scales, strict=True)]
    return {"threshold": thresholds, "threshold_scaled": scaled}


def _training_truths(dataset: ForecastDataset, gap: int) -> np.ndarray:
    """Return the scaled training truths ``[n, T]``; of very many rows, blocks with ``gap`` NaN rows between them.

    Those of many series have such rows between them, too.
    """
    if dataset.ranges is not None:
        return _separate(dataset, gap)
    first, last = dataset.borders[0]
    if last - first <= MAX_ROWS:
        return dataset.truths[first:last]
    size = MAX_ROWS // BLOCKS
    blocks = []
    for start in np.linspace(first, last - size, BLOCKS).astype(np.int64):
        blocks += [dataset.truths[start : start + size], np.full((gap, dataset.truths.shape[1]), np.nan)]
    return np.concatenate(blocks)


def _separate(dataset: ForecastDataset, gap: int) -> np.ndarray:
    """Return the scaled training truths of series, evenly spaced up to about ``MAX_ROWS``, with NaN between them."""
    ranges = dataset.split_ranges("train")
    lengths = ranges[:, 1] - ranges[:, 0]
    every = -(-int(lengths.sum()) // MAX_ROWS)
    blocks = []
    for start, stop in ranges[::every].tolist():
        blocks += [dataset.truths[start:stop], np.full((gap, dataset.truths.shape[1]), np.nan)]
    return np.concatenate(blocks)
