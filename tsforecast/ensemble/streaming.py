"""Forecasts of a stream of rows, also by an ensemble whose weights follow the truths in the stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tsforecast.data.windows import Windows
from tsforecast.inference.file_forecast import forecast_segments
from tsforecast.inference.forecasts import Forecasts
from tsforecast.inference.predictor import Predictor, is_adaptive
from tsforecast.inference.scorer import Scorer

if TYPE_CHECKING:
    import pyarrow as pa

    from tsforecast.ensemble.model import Ensemble
    from tsforecast.inference.intervals import AdaptiveIntervals
    from tsforecast.inference.probabilistic_output import ProbabilisticOutput
    from tsforecast.inference.sliding import Segment
    from tsforecast.models.protocol import Model

MAX_PAST_WINDOWS = 10_000  # windows whose outputs are kept for the weights of later ones

Rows = npt.NDArray[np.int64]


class StreamingEnsemble:
    """Forecasts the windows of a stream part by part, each window with the errors known at its last row.

    Args:
        model: Ensemble with an adaptive weighting.
        predictor: Predictor of that model.
    """

    def __init__(self, model: Ensemble, predictor: Predictor):
        self.model, self.predictor, self.metadata = model, predictor, predictor.metadata
        self._outputs: dict[str, np.ndarray] = {}
        self._ends: Rows = np.empty(0, np.int64)
        self._origin = np.empty((0, len(self.metadata.targets)), np.float32)
        self._truth_rows: Rows = np.empty(0, np.int64)
        self._truths = np.empty((0, len(self.metadata.targets)), np.float32)
        self._last_position: int | None = None
        self._last_row = 0

    def forecasts(self, segment: Segment) -> Forecasts:
        """Return the forecasts of the windows of a part of the stream, of which there is at least one."""
        rows = self._number_rows(segment)
        new = self.predictor.segment_outputs(segment, segment.ends)
        past, targets = len(self._ends), list(self.metadata.target_indices)
        outputs = {
            name: np.concatenate([self._outputs[name], values]) if past else values
            for name, values in new.items()
        }
        ends = np.concatenate([self._ends, rows[segment.ends]])
        origin = np.concatenate([self._origin, segment.inputs[segment.ends][:, targets]])
        outputs |= self.model.reweight(outputs, self._windows(ends, origin))
        self._outputs = {name: values[-MAX_PAST_WINDOWS:] for name, values in outputs.items()}
        self._ends, self._origin = ends[-MAX_PAST_WINDOWS:], origin[-MAX_PAST_WINDOWS:]
        return Forecasts.from_outputs(
            {name: values[past:] for name, values in outputs.items()}, self.metadata
        )

    def observe(self, segment: Segment) -> None:
        """Take the truths of a part of the stream; call it for every part, also for those in which no window ends."""
        rows = self._number_rows(segment)
        new = rows > (self._truth_rows[-1] if len(self._truth_rows) else -1)
        scaled = self.metadata.scaler.transform_targets(segment.truths[new])
        self._truth_rows = np.concatenate([self._truth_rows, rows[new]])
        self._truths = np.concatenate([self._truths, scaled.astype(np.float32)])
        if len(rows):
            self._last_position, self._last_row = int(segment.position[-1]), int(rows[-1])
        needed = self._truth_rows >= (self._ends[0] if len(self._ends) else 0)
        self._truth_rows, self._truths = self._truth_rows[needed], self._truths[needed]

    def _number_rows(self, segment: Segment) -> Rows:
        """Return running row numbers; a long gap counts as just enough rows for everything before it to be known."""
        steps = np.minimum(
            np.diff(segment.position, prepend=segment.position[:1]),
            self.metadata.lead + self.metadata.horizon,
        )
        rows = np.cumsum(steps)
        if self._last_position is None:
            return rows
        # This part begins with rows that the part before had too, or directly after it.
        index = int(np.searchsorted(segment.position, self._last_position))
        overlaps = index < len(rows) and segment.position[index] == self._last_position
        return rows - rows[index] + self._last_row if overlaps else rows - rows[0] + self._last_row + 1

    def _windows(self, ends: Rows, origin: np.ndarray) -> Windows:
        """Return windows that hold what ``reweight`` reads: known truths, and the targets at their last input rows."""
        metadata, first = self.metadata, int(ends[0])
        size = int(ends[-1]) - first + metadata.lead + metadata.horizon
        truths = np.full((size, len(metadata.targets)), np.nan, np.float32)
        inside = (self._truth_rows >= first) & (self._truth_rows < first + size)
        truths[self._truth_rows[inside] - first] = self._truths[inside]
        rows = np.zeros((size, len(metadata.channels)), np.float32)
        rows[(ends - first)[:, None], list(metadata.target_indices)] = origin
        return Windows(
            rows, truths, ends - first, metadata.lookback, metadata.lead, metadata.horizon, border=(0, size)
        )


def forecast_stream(
    stream: Iterable[Segment],
    model: Model,
    predictor: Predictor,
    intervals: AdaptiveIntervals,
    batch_size: int,
    output: ProbabilisticOutput | None = None,
) -> Iterator[pa.Table]:
    """Yield the forecasts of a stream of rows by any model, one table per batch, see ``inference.forecast_table``.

    Args:
        stream: Segments of the stream, see ``inference.sliding.segments``.
        model: The model.
        predictor: The model, compiled.
        intervals: Intervals, which learn from the truths of the stream.
        batch_size: Windows after which the intervals learn.
        output: What to write beyond the model's own quantiles, or None.
    """
    yield from forecast_segments(
        stream,
        predictor,
        Scorer(intervals, predictor.metadata),
        batch_size=batch_size,
        ensemble=StreamingEnsemble(model, predictor) if is_adaptive(model) else None,
        output=output,
    )
