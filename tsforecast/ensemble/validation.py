"""The validation rows of an ensemble: the older ones fit its weights, the newest judge them."""

import dataclasses

import numpy as np

from tsforecast.data.dataset import ForecastDataset
from tsforecast.errors import UserError


def split_validation(dataset: ForecastDataset, holdout_share: float) -> ForecastDataset:
    """Return the same rows with the older validation rows as training split and the newest as validation split.

    Of many series, the last ones make up the validation split, since each may have a single window.

    Args:
        dataset: Data of the run.
        holdout_share: Share of the validation rows that becomes the validation split.

    Raises:
        UserError: One of the two parts would have no window.
    """
    if dataset.ranges is not None:
        return _split_series(dataset, dataset.ranges, holdout_share)
    (_, (first, stop), test) = dataset.borders
    cut = stop - round((stop - first) * holdout_share)
    parts = dataclasses.replace(dataset, borders=((first, cut), (cut, stop), test))
    if not len(parts.windows("train")) or not len(parts.windows("val")):
        raise UserError(
            f"The validation split is too short for ensemble.holdout_share={holdout_share}: "
            "give more rows to data.split.val."
        )
    return parts


def _split_series(dataset: ForecastDataset, ranges: np.ndarray, holdout_share: float) -> ForecastDataset:
    """Return a panel with the validation rows of the last series as validation split, and of the others for fitting."""
    windows = dataset.windows("val")
    of_window = dataset.series.series_of(windows.ends)
    first = int(of_window[min(len(of_window) - 1, round(len(of_window) * (1 - holdout_share)))])
    if first <= of_window[0]:
        raise UserError(
            f"Too few series have validation rows for ensemble.holdout_share={holdout_share}: give more of them."
        )
    index = np.arange(ranges.shape[1])
    fitting, holdout = ranges[1].copy(), ranges[1].copy()
    fitting[index >= first, 1] = fitting[index >= first, 0]
    holdout[index < first, 1] = holdout[index < first, 0]
    return dataclasses.replace(dataset, ranges=np.stack([fitting, holdout, ranges[2]]))
