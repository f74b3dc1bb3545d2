"""Options of forecasts of a file and of their intervals."""

from dataclasses import dataclass
from typing import Annotated, Any

from tsforecast.options import Range


@dataclass(frozen=True, kw_only=True)
class PredictOptions:
    """What ``job=predict`` reads and writes.

    Args:
        data: CSV or Parquet file in the order of time, which may be larger than memory; a folder, pattern or URL of
            such files; or a query, with ``connection``.
        connection: URL of the database of the query; None for files.
        out: File to write, ``.parquet`` or ``.csv``; None: ``forecasts.parquet`` in the folder of the command.
        time: Name of the time column, or a list of a date and a clock column; None: found by content.
        stride: Rows from one forecast to the next.
        batch_size: Windows to forecast at once; the intervals learn from the truths after each batch.
        levels: More quantiles to write, at levels in (0, 1), of a model with a distribution; None: those of its loss.
        samples: Sample paths per forecast to write; 0: none.
        samples_out: File of the paths; None: ``samples.parquet`` in the folder of the command.
    """

    data: str | None
    connection: str | None
    out: str | None
    time: Any  # a name, a list of two names, or None
    stride: Annotated[int, Range(1, 1_000_000)]
    batch_size: Annotated[int, Range(1, 65_536)]
    levels: Annotated[list[float] | None, Range(0.0001, 0.9999)]
    samples: Annotated[int, Range(0, 100_000)]
    samples_out: str | None


@dataclass(frozen=True, kw_only=True)
class IntervalOptions:
    """Adaptive conformal intervals, see ``tsforecast.inference.intervals``.

    Args:
        coverage: Share of the truths that should be inside.
        rate: How fast the level of each tail follows misses; 0: it stays.
        memory: Number of the newest errors that the width is computed from.
    """

    coverage: Annotated[float, Range(0.01, 0.999)]
    rate: Annotated[float, Range(0, 1)]
    memory: Annotated[int, Range(20, 100_000)]
