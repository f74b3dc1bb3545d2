"""Options that several models share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from tsforecast.options import NotEmpty, Range, Width


@dataclass(frozen=True, kw_only=True)
class EncodingOptions:
    """Piecewise-linear encoding of each channel between quantiles of the training rows.

    Args:
        bins: Number of intervals.
        units: Width of the encoding.
    """

    bins: Annotated[int, Range(2, 4096)]
    units: Width


@dataclass(frozen=True, kw_only=True)
class StatisticsOptions:
    """Statistics of the newest steps of a window, in bins between quantiles of the training rows.

    Args:
        spans: Numbers of newest steps; those beyond the window are left out.
        bins: Number of intervals.
        units: Width of the layer that reads them.
    """

    spans: Annotated[Sequence[int], Range(2, 100_000), NotEmpty(15)]
    bins: Annotated[int, Range(2, 4096)]
    units: Width


@dataclass(frozen=True, kw_only=True)
class WindowFeaturesOptions:
    """Newest values, lags and statistics of a window, each in bins between quantiles of the training rows.

    Of more than 16 measured channels, the targets alone have lags and statistics; of more than 16 targets, none has.

    Args:
        lags: Steps back whose values are features; those beyond the window are left out.
        spans: Numbers of newest steps with statistics; those beyond the window are left out.
        bins: Number of intervals of each feature.
        width: Learned functions of each feature.
        units: Width of the layer that reads them all.
    """

    lags: Annotated[Sequence[int], Range(1, 100_000), NotEmpty(1)]
    spans: Annotated[Sequence[int], Range(2, 100_000), NotEmpty(15)]
    bins: Annotated[int, Range(2, 4096)]
    width: Width
    units: Width
