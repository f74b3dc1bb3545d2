"""Errors of the forecasts of many series: each series by itself, and their mean.

Axes: n windows, H horizon, T targets, S series, N rows. A series without an observed truth, or on which a metric is not
defined, is NaN and does not count in the mean.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tsforecast.metrics.arrays import Array, Rows, divide

Figures = dict[str, npt.NDArray[np.float64]]  # metric -> [S]


def series_metrics(
    truth: Array,
    forecast: Array,
    series: Rows,
    count: int,
    *,
    median: Array | None = None,
    scales: Mapping[str, Array] | None = None,
) -> Figures:
    """Score the forecasts of each series.

    Args:
        truth: ``[n, H, T]`` in the target's unit, NaN where unobserved.
        forecast: ``[n, H, T]`` in the same unit.
        series: ``[n]`` index of the series of each window.
        count: S, number of series.
        median: ``[n, H, T]``, which all but ``rmse`` and ``rmsse`` score, if it is not the forecast.
        scales: ``mase`` and ``rmsse`` ``[S, T]``, see `series_scales`; what is not among them is not computed.

    Returns:
        ``rmse``, ``mae``, ``smape`` (%), ``wape`` (%), ``mase`` and ``rmsse``, each ``[S]``; with several targets the
        means over them of all but ``rmse``, ``mae`` and ``wape``.

    Source:
        Hyndman & Koehler (2006) for MASE, scaled by the seasonal naive forecast; Makridakis et al. (2020), The M4
        Competition, for sMAPE; RMSSE is the squared counterpart of MASE.

    Example:
        >>> truth, forecast = np.array([[[1.0]], [[3.0]]]), np.array([[[2.0]], [[3.0]]])
        >>> figures = series_metrics(truth, forecast, np.array([0, 1]), 2)
        >>> figures["mae"].tolist(), figures["wape"].tolist()
        ([1.0, 0.0], [100.0, 0.0])
    """
    middle = forecast if median is None else median
    error, squared = np.abs(middle - truth), (forecast - truth) ** 2
    size = np.abs(middle) + np.abs(truth)
    relative = np.where(size > 0, divide(200.0 * error, size), 0.0)
    relative[np.isnan(truth)] = np.nan
    totals = {
        name: _sum_by_series(values, series, count)
        for name, values in (
            ("error", error),
            ("squared", squared),
            ("relative", relative),
            ("truth", np.abs(truth)),
        )
    }
    number = _sum_by_series(np.where(np.isnan(truth), np.nan, 1.0), series, count)
    per_target = {name: divide(total, number) for name, total in totals.items()}
    figures = {
        "rmse": np.sqrt(divide(totals["squared"].sum(axis=1), number.sum(axis=1))),
        "mae": divide(totals["error"].sum(axis=1), number.sum(axis=1)),
        "smape": _mean(per_target["relative"]),
        "wape": 100.0 * divide(totals["error"].sum(axis=1), totals["truth"].sum(axis=1)),
    }
    if scales is not None:
        figures["mase"] = _mean(divide(per_target["error"], scales["mase"]))
    if scales is not None and "rmsse" in scales:
        figures["rmsse"] = _mean(np.sqrt(divide(per_target["squared"], scales["rmsse"] ** 2)))
    return figures


def series_scales(
    values: Array, series: Rows, known: npt.NDArray[np.bool_], season: int, count: int
) -> Figures:
    """Return the denominators of MASE and RMSSE: the errors of the seasonal naive forecast on the rows that are known.

    Args:
        values: ``[N, T]`` rows of all series, one after the other, NaN where unobserved.
        series: ``[N]`` index of the series of each row.
        known: ``[N]`` whether a row counts.
        season: Rows of one season, at least 1.
        count: S, number of series.

    Returns:
        ``mase`` (mean absolute error) and ``rmsse`` (root of the mean squared error), each ``[S, T]``; NaN where no
        pair of rows one season apart is observed.

    Example:
        >>> rows = np.array([[1.0], [2.0], [4.0], [7.0]])
        >>> scales = series_scales(rows, np.array([0, 0, 0, 1]), np.ones(4, bool), 1, 2)
        >>> scales["mase"].tolist()
        [[1.5], [nan]]
    """
    pairs = (series[season:] == series[:-season]) & known[season:] & known[:-season]
    difference = np.abs(values[season:][pairs] - values[:-season][pairs])
    of_pair = series[season:][pairs]
    number = _sum_by_series(np.where(np.isnan(difference), np.nan, 1.0), of_pair, count)
    absolute = divide(_sum_by_series(difference, of_pair, count), number)
    squared = divide(_sum_by_series(difference**2, of_pair, count), number)
    return {"mase": absolute, "rmsse": np.sqrt(squared)}


def mean_over_series(figures: Figures) -> dict[str, float]:
    """Return the means of ``mase``, ``smape`` and ``rmsse`` over the series on which they are defined.

    Example:
        >>> mean_over_series({"mase": np.array([1.0, np.nan, 2.0]), "rmse": np.array([1.0, 2.0, 3.0])})
        {'mase': 1.5}
    """
    return {
        name: float(np.nanmean(figures[name])) if np.isfinite(figures[name]).any() else float("nan")
        for name in ("mase", "smape", "rmsse")
        if name in figures
    }


def owa(figures: Mapping[str, float], reference: Mapping[str, float]) -> float:
    """Return the overall weighted average of M4: the mean of sMAPE and MASE, each relative to those of Naive2.

    Example:
        >>> owa({"smape": 9.0, "mase": 1.0}, {"smape": 18.0, "mase": 2.0})
        0.5
    """
    return 0.5 * sum(
        figures[name] / reference[name] if reference[name] > 0 else float("nan") for name in ("smape", "mase")
    )


def naive2_factors(rows: Array, season: int) -> npt.NDArray[np.float64] | None:
    """Return the seasonal factors ``[season]`` of a series, whose mean is 1, as Naive2 removes and restores them.

    Args:
        rows: ``[N]`` known values; the first factor is that of the first row.
        season: Rows of one season.

    Returns:
        None for a series that is not seasonal by M4's test (autocorrelation at one season, 90 %), has a value that is
        missing or not positive, or fewer than three seasons.

    Source: Makridakis et al. (2020), The M4 Competition: classical multiplicative decomposition.
    """
    values = np.asarray(rows, np.float64)
    if season < 2 or len(values) < 3 * season or not (values > 0).all() or not _is_seasonal(values, season):
        return None
    weights = np.full(season, 1.0 / season)
    if season % 2 == 0:
        weights = np.concatenate([[0.5], np.ones(season - 1), [0.5]]) / season
    trend = np.convolve(values, weights, mode="valid")
    first = len(weights) // 2
    ratio = values[first : first + len(trend)] / trend
    phase = (first + np.arange(len(ratio))) % season
    factors = np.bincount(phase, weights=ratio, minlength=season) / np.bincount(phase, minlength=season)
    scaled: npt.NDArray[np.float64] = factors / factors.mean()
    return scaled


def _is_seasonal(values: npt.NDArray[np.float64], season: int) -> bool:
    centered = values - values.mean()
    total = float(centered @ centered)
    if total <= 0:
        return False
    lags = [float(centered[lag:] @ centered[:-lag]) / total for lag in range(1, season + 1)]
    limit = 1.645 * np.sqrt((1 + 2 * sum(value**2 for value in lags[:-1])) / len(values))
    return bool(abs(lags[-1]) > limit)


def _sum_by_series(values: Array, series: Rows, count: int) -> npt.NDArray[np.float64]:
    """Return the sums ``[S, T]`` of values ``[n, ..., T]`` over all but the last axis, by series, without NaN."""
    targets = values.shape[-1]
    per_window = np.nansum(values, axis=tuple(range(1, values.ndim - 1)))
    sums = [np.bincount(series, weights=per_window[:, target], minlength=count) for target in range(targets)]
    return np.stack(sums, axis=1)


def _mean(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the mean ``[S]`` over the targets ``[S, T]`` that are defined."""
    defined = np.isfinite(values)
    return divide(np.where(defined, values, 0.0).sum(axis=1), defined.sum(axis=1))
