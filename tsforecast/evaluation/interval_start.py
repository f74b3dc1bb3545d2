"""The errors that prediction intervals start with, and how often the intervals of many series contain the truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tsforecast.files import write_bytes
from tsforecast.inference.options import IntervalOptions

if TYPE_CHECKING:
    from tsforecast.data.dataset import ForecastDataset
    from tsforecast.evaluation.evaluate import Evaluation
    from tsforecast.models.protocol import Model

FILE = "calibration.npz"
MAX_SHARED = 200  # errors of all series that the intervals of each start with
SCORED = IntervalOptions(coverage=0.9, rate=0.005, memory=1000)  # the intervals whose coverage is reported


def calibrate_intervals(model: Model, dataset: ForecastDataset, options: IntervalOptions) -> bytes:
    """Return the scores of the newest validation windows, with which prediction intervals start.

    Args:
        model: Model that forecasts the windows.
        dataset: Its data.
        options: Options of the intervals; as many windows as their memory holds are scored.

    Returns:
        The content of the file ``calibration.npz``, see ``inference.intervals.AdaptiveIntervals.to_bytes``. Scores of
        many series are relative to their levels.
    """
    from tsforecast.inference.intervals import create_intervals
    from tsforecast.inference.predictor import Predictor

    predictor = Predictor(model, sizes=(32,))
    metadata = predictor.metadata
    intervals = create_intervals(metadata.horizon, len(metadata.targets), options)
    windows = dataset.windows("val")
    ends = calibration_windows(dataset, windows.ends, options.memory)
    forecasts = predictor(windows.inputs(ends), metadata.without_level())
    truth = dataset.scaler.inverse_targets(windows.targets(ends))
    intervals.calibrate(forecasts.low, forecasts.high, truth)
    return intervals.to_bytes()


def calibration_windows(dataset: ForecastDataset, ends: np.ndarray, memory: int) -> np.ndarray:
    """Return the ends of the windows whose errors intervals start with, in the order of time.

    Of one series they are the newest. Of many they are spread over all, and few, so that the errors of a series itself
    soon outweigh those of all.

    Args:
        dataset: The data.
        ends: Ends of all windows.
        memory: Errors that intervals keep.
    """
    if dataset.series.panel is None:
        return ends[-memory:]
    spaced = ends[np.linspace(0, len(ends) - 1, min(len(ends), memory, MAX_SHARED)).astype(np.int64)]
    chosen: np.ndarray = spaced[np.argsort(dataset.series.time[spaced], kind="stable")]
    return chosen


def add_coverage(evaluation: Evaluation, dataset: ForecastDataset, calibration: bytes) -> Evaluation:
    """Return the scores of many series with the coverage of the intervals that each starts with.

    The figure ``interval_coverage`` is the share of all truths inside; ``coverage`` is that of each series. Nothing is
    learned from the truths, as it is in ``job=predict``: this is how good the start is. With too few errors for an
    interval there is neither.

    Args:
        evaluation: Forecasts of windows of many series.
        dataset: The data.
        calibration: What `calibrate_intervals` returned.
    """
    series, levels = evaluation.series, dataset.scaler.levels
    if series is None:
        return evaluation
    of_window = dataset.series.series_of(evaluation.ends)
    margins = _start_margins(evaluation.truth.shape[1:], calibration)
    chosen = list(dataset.target_indices)
    width = np.ones((1, 1, len(chosen))) if levels is None else levels.width[of_window][:, None, chosen]
    point, quantiles = evaluation.forecast, evaluation.quantiles
    low, high = (point, point) if quantiles is None else (quantiles[..., 0], quantiles[..., -1])
    inside = (evaluation.truth >= low - margins[0] * width) & (evaluation.truth <= high + margins[1] * width)
    known = ~np.isnan(evaluation.truth) & ~np.isnan(margins).any(axis=0)
    _, index = np.unique(of_window, return_inverse=True)
    hits, truths = (np.bincount(index, (mask & known).sum(axis=(1, 2))) for mask in (inside, known))
    if not truths.sum():  # no step has the errors that an interval takes
        return evaluation
    with np.errstate(invalid="ignore"):
        shares = hits / truths
    overall = float(hits.sum() / truths.sum())
    figures = {**series.figures, "coverage": shares}
    return replace(
        evaluation,
        figures=evaluation.figures | {"interval_coverage": overall},
        series=replace(series, figures=figures),
    )


def save_uncertainty(folder: Path, model: Model, dataset: ForecastDataset, calibration: bytes | None) -> None:
    """Write into the folder of a run what sample paths need, and the scores that intervals of many series start with.

    Args:
        folder: Folder of the run.
        model: Its best model.
        dataset: Its data.
        calibration: The scores; None for one series.
    """
    from tsforecast.evaluation.dependence import save_dependence

    save_dependence(folder, model, dataset)
    if calibration is not None:
        write_bytes(folder / FILE, calibration)


def _start_margins(shape: tuple[int, ...], calibration: bytes) -> np.ndarray:
    """Return the margins ``[2, H, T]``, relative to the level of a series; NaN without enough scores."""
    from tsforecast.inference.intervals import create_intervals

    return create_intervals(shape[0], shape[1], SCORED, calibration).margins()
