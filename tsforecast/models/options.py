"""Options that several models share."""

from dataclasses import dataclass
from typing import Annotated

from tsforecast.options import Range, Width


@dataclass(frozen=True, kw_only=True)
class EncodingOptions:
    """Piecewise-linear encoding of each channel between quantiles of the training rows.

    Args:
        bins: Number of intervals.
        units: Width of the encoding.
    """

    bins: Annotated[int, Range(2, 4096)]
    units: Width
