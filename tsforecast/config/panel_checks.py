"""Checks of commands whose data are many series."""

from typing import Any

from tsforecast.config.instantiate import stem
from tsforecast.config.schema import Config
from tsforecast.errors import UserError, nearest

PANELS = ("household_meters", "m4")  # sources that always return many series
SAMPLING = ("windows", "series")
WEIGHTINGS = ("equal", "inverse_error", "static")  # whose weights do not follow errors in time


def is_panel(data: dict[str, Any]) -> bool:
    """Return whether a source returns many series.

    Example:
        >>> is_panel({"_target_": "tsforecast.data.sources.csv.load", "series_id": "meter"})
        True
    """
    return bool(data.get("series_id")) or data.get("layout") == "wide" or stem(data) in PANELS


def check_panel(config: Config) -> None:
    """Check that the job, the model and the options know what to do with many series.

    Raises:
        UserError: One of them is for one series.
    """
    sampling = config.data.get("sampling", "windows")
    if sampling not in SAMPLING:
        raise UserError(
            f"data.sampling={sampling} is not one of {', '.join(SAMPLING)}.{nearest(sampling, SAMPLING)}"
        )
    if not is_panel(config.data):
        if sampling == "series":
            raise UserError(
                "data.sampling=series draws many series equally often: leave it out for one series."
            )
        return
    if config.job.name == "ensemble":
        _check_ensemble(config)
    if config.loss["_target_"].endswith(".NegativeBinomial") and config.scaling.per != "all":
        raise UserError(
            "loss=negative_binomial counts in the unit of the target: set scaling.per=all for many series."
        )
    if config.training.objective == "masked_patches":
        raise UserError("training=pretrain is for one series: leave it out for many.")


def _check_ensemble(config: Config) -> None:
    options = config.ensemble
    if options.weighting not in WEIGHTINGS:
        raise UserError(
            f"ensemble.weighting={options.weighting} follows the errors of one series in time: set"
            f" ensemble.weighting={' or '.join(WEIGHTINGS)} for many."
        )
    if options.fine_tune_steps:
        raise UserError("Members of many series are not trained together: set ensemble.fine_tune_steps=0.")
