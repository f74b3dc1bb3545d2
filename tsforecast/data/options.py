"""Options of the rows to use and of the windows cut from them."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from tsforecast.options import Range


@dataclass(frozen=True, kw_only=True)
class ScaleOptions:
    """How much of the data to use.

    Args:
        rows: Number of rows from the first one on; None means all.
    """

    rows: Annotated[int | None, Range(100)]


@dataclass(frozen=True, kw_only=True)
class WindowOptions:
    """The shape of one example, in steps of the data's frequency.

    Args:
        lookback: Number of input steps.
        lead: Steps from the last input to the first target; 1 is the next step.
        horizon: Number of target steps.
        stride: Rows from one window to the next.
    """

    lookback: Annotated[int, Range(1, 100_000)]
    lead: Annotated[int, Range(1, 100_000)]
    horizon: Annotated[int, Range(1, 10_000)]
    stride: Annotated[int, Range(1, 100_000)]


Method = Literal["standard", "robust", "seasonal", "asinh", "log1p", "none"]


@dataclass(frozen=True, kw_only=True)
class ScalingOptions:
    """How columns are scaled, by figures of the training rows.

    Args:
        method: ``standard`` by mean and standard deviation, ``robust`` by median and interquartile range, ``seasonal``
            (many series) by mean and mean absolute change over a season, so that absolute errors are those of MASE,
            ``asinh`` and ``log1p`` by a curve and then as ``standard``, ``none`` not at all.
        columns: Column to its own method; None if all have the same.
        per: Of many series, ``series`` scales each by its own training rows and ``all`` all of them together; ``auto``
            is ``series`` for standard, robust and seasonal. One series is the same either way.
    """

    method: Method
    columns: Any  # a dict, or None
    per: Literal["auto", "series", "all"]
