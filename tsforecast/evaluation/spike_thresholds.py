"""The rise that counts as a spike, measured on the training rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsforecast.metrics.spikes import threshold_from_quantile

if TYPE_CHECKING:
    from tsforecast.data.dataset import ForecastDataset
    from tsforecast.evaluation.options import SpikeOptions


def spike_thresholds(dataset: ForecastDataset, options: SpikeOptions) -> dict[str, list[float | None]]:
    """Return the rise that counts as a spike, from the options or the training rows.

    Args:
        dataset: The data.
        options: A fixed ``threshold``, or the ``quantile`` of the training rows' rises.

    Returns:
        ``threshold`` in the unit of each target and ``threshold_scaled``; None for a target whose training rows
        contain no pair to measure a rise, or rise too rarely for ``quantile``.
    """
    first, last = dataset.borders[0]
    lead, horizon, threshold = dataset.window["lead"], dataset.window["horizon"], options.threshold
    training = dataset.scaler.inverse_targets(dataset.truths[first:last])
    scales = dataset.scaler.scale[list(dataset.target_indices)]
    rises = [
        threshold_from_quantile(training[:, i], lead, horizon, options.quantile)
        if threshold is None
        else threshold
        for i in range(len(scales))
    ]
    thresholds = [float(value) if value >= 0 else None for value in rises]  # NaN is not >= 0
    scaled = [None if v is None else v / float(s) for v, s in zip(thresholds, scales, strict=True)]
    return {"threshold": thresholds, "threshold_scaled": scaled}
