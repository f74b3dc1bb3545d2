"""Forecasts of a stream of rows, with intervals from the truths known at each batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np
import pyarrow as pa

from tsforecast.inference.forecast_table import forecast_table
from tsforecast.inference.forecasts import Forecasts
from tsforecast.inference.intervals import CoverageSummary
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.inference.predictor import Predictor
from tsforecast.inference.probabilistic_output import ProbabilisticOutput
from tsforecast.inference.scorer import Scorer
from tsforecast.inference.sliding import Segment

CALL_WINDOWS = 128  # windows to forecast in one call; smaller calls take longer per window


class SegmentForecaster(Protocol):
    """Forecasts a stream segment by segment, see ``ensemble.streaming.StreamingEnsemble``."""

    def observe(self, segment: Segment) -> None:
        """Add the truths of a segment."""

    def forecasts(self, segment: Segment) -> Forecasts:
        """Return the forecasts of its windows."""


def forecast_segments(
    segments: Iterable[Segment],
    predictor: Predictor,
    scorer: Scorer,
    *,
    batch_size: int,
    ensemble: SegmentForecaster | None = None,
    output: ProbabilisticOutput | None = None,
) -> Iterator[pa.Table]:
    """Forecast every window of a stream.

    Args:
        segments: Segments of the stream, see ``inference.sliding.segments``.
        predictor: Forecasts the windows.
        scorer: Computes the intervals; it is updated after each batch with the truths known by then.
        batch_size: Windows in a batch.
        ensemble: Forecasts the segments of an ensemble whose weights follow the truths; None for other models.
        output: Which quantiles to write, and a sampler of paths; None: those of the model, and no paths.

    Yields:
        Tables of a few batches each, see ``inference.forecast_table.forecast_table``.
    """
    for segment in segments:
        scorer.observe(segment.position, segment.truths)
        if ensemble is not None:
            ensemble.observe(segment)
        if not len(segment.ends):
            continue
        forecasts = None if ensemble is None else ensemble.forecasts(segment)
        yield from forecast_segment(segment, predictor, scorer, batch_size, output, forecasts=forecasts)
    scorer.finish()


def forecast_segment(
    segment: Segment,
    predictor: Predictor,
    scorer: Scorer,
    batch_size: int,
    output: ProbabilisticOutput | None = None,
    *,
    series: ModelMetadata | None = None,
    forecasts: Forecasts | None = None,
) -> Iterator[pa.Table]:
    """Yield the forecasts of the windows of a segment, one table for the batches of a call, see ``windows_per_call``.

    Args:
        segment: The windows.
        predictor: Forecasts them.
        scorer: Computes the intervals; it has observed the segment.
        batch_size: Windows in a batch: the intervals learn from the truths after each.
        output: See ``forecast_segments``.
        series: Metadata of their series, for a model of many; None for others.
        forecasts: Their forecasts, if they are known.
    """
    levels = None if output is None else output.levels
    size = windows_per_call(batch_size)
    for start in range(0, len(segment.ends), size):
        ends = segment.ends[start : start + size]
        made_at = segment.time[ends]
        computed = (
            predictor.forecast_segment(segment, ends, series)
            if forecasts is None
            else forecasts.select(slice(start, start + size))
        )
        kept = computed if output is None else output.keep(made_at, computed)
        batches = [slice(first, first + batch_size) for first in range(0, len(ends), batch_size)]
        bounds = [
            scorer.compute_intervals(segment.position[ends[part]], kept.select(part)) for part in batches
        ]
        lower, upper = (np.concatenate(parts) for parts in zip(*bounds, strict=True))
        yield forecast_table(series or predictor.metadata, made_at, kept, lower, upper, levels)


def windows_per_call(batch_size: int) -> int:
    """Return the windows of one call: as many whole batches as make up ``CALL_WINDOWS``, at least one.

    Example:
        >>> windows_per_call(32), windows_per_call(50), windows_per_call(1000)
        (128, 100, 1000)
    """
    return batch_size * max(1, CALL_WINDOWS // batch_size)


def describe_forecasts(windows: int, seconds: float, version: str, coverage: CoverageSummary) -> str:
    """Return how many forecasts took how long, and the coverage of the intervals, in two lines."""
    rate = windows / max(seconds, 1e-9)
    first = f"{windows:,} forecasts by {version} in {seconds:.1f} s, {rate:,.0f} per second"
    return f"{first}\n{describe_coverage(coverage)}"


def describe_coverage(summary: CoverageSummary) -> str:
    """Return the coverage of the intervals in words.

    Example:
        >>> describe_coverage({"nominal": 0.9, "observed": 0.912, "truths": 1200})
        '91.2% of 1,200 truths fell inside their intervals (nominal 90%)'
    """
    observed = summary["observed"]
    if observed is None:
        return (
            "The file contains no truth of a forecast with an interval, so the intervals could not be scored."
        )
    count, nominal = summary["truths"], summary["nominal"]
    return f"{observed:.1%} of {count:,} truths fell inside their intervals (nominal {nominal:.0%})"
