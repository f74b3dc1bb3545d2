"""Options of exported models."""

from dataclasses import dataclass
from typing import Annotated

from tsforecast.options import Range


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """Files for other runtimes, and how far their forecasts may differ from the original's.

    Args:
        windows: Windows of the test split for the comparison.
        tolerance: Largest difference, in standard deviations of the target.
        quantize: Also write each format with quantized weights, if the format supports it.
        quantized_tolerance: Largest difference of those files.
    """

    windows: Annotated[int, Range(1, 1_000_000)]
    tolerance: Annotated[float, Range(0, 1e6)]
    quantize: bool
    quantized_tolerance: Annotated[float, Range(0, 1e6)]
