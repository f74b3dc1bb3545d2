"""The validation rows of an ensemble: the older ones fit its weights, the newest judge them."""

import dataclasses

from tsforecast.data.dataset import ForecastDataset
from tsforecast.errors import UserError


def split_validation(dataset: ForecastDataset, holdout_share: float) -> ForecastDataset:
    """Return the same rows with the older validation rows as training split and the newest as validation split.

    Args:
        dataset: Data of the run.
        holdout_share: Share of the validation rows that becomes the validation split.

    Raises:
        UserError: One of the two parts would have no window.
    """
    (_, (first, stop), test) = dataset.borders
    cut = stop - round((stop - first) * holdout_share)
    parts = dataclasses.replace(dataset, borders=((first, cut), (cut, stop), test))
    if not len(parts.windows("train")) or not len(parts.windows("val")):
        raise UserError(
            f"The validation split is too short for ensemble.holdout_share={holdout_share}: "
            "give more rows to data.split.val."
        )
    return parts
