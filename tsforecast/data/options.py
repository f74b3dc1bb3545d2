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


Method = Literal["standard", "robust", "asinh", "log1p", "none"]


@dataclass(frozen=True, kw_only=True)
class ScalingOptions:
    """How columns are scaled, by figures of the training rows.

    Args:
        method: ``standard`` by mean and standard deviation, ``robust`` by median and interquartile range, ``asinh`` and
            ``log1p`` by a curve and then as ``standard``, ``none`` not at all.
        columns: Column to its own method; None if all have the same.
    """

    method: Method
    columns: Any  # a dict, or None


@dataclass(frozen=True, kw_only=True)
class ContextOptions:
    """Summaries of what precedes the look-back, as further inputs.

    Args:
        kind: ``none``; ``events``: when features last switched on and off, and how often they switched on; ``daily``:
            the same time one span ago, and mean, lowest and highest value of each span.
        channels: Features to summarize; None: all that are measured for ``events``, the targets for ``daily``.
        spans: Durations such as 1h or 7d; those of fewer than two rows are left out.
        rise: Change from one row to the next, in standard deviations of the training rows, above which a feature
            switches on or off.
    """

    kind: Literal["none", "events", "daily"]
    channels: Any  # a name, a list of names, or None
    spans: list[str]
    rise: Annotated[float, Range(0.0, 1000.0)]
