"""What monitoring compares with: statistics of the training and validation rows, saved with a run as JSON."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tsforecast.monitoring.blocks import BlockBuilder, Blocks, join_blocks
from tsforecast.monitoring.detectors.drift import ChartReference, DriftOptions
from tsforecast.monitoring.detectors.stuck import LongestRuns, RunLearner
from tsforecast.monitoring.detectors.value_range import ValueRange
from tsforecast.monitoring.relations import Relations
from tsforecast.monitoring.rounding import to_array, to_plain_list

STATISTICS = ("level", "noise", "relation")
FLOOR = 1e-3  # added to a mean absolute value before its logarithm is taken, as a share of its typical size
FITTING = DriftOptions(per_week=1.0)
Local = Callable[[np.ndarray], np.ndarray]
Pieces = Callable[[], Iterable[tuple[np.ndarray, np.ndarray]]]


class InputSummary(NamedTuple):
    """What the rows of F features say before charts are fitted.

    Args:
        relations: How each feature follows from the others.
        floor: Smallest roughness that counts ``[F]``.
        runs: Longest constant runs.
        range: Magnitudes.
        time: Second ``[n]`` at which each block begins.
        statistics: Level, noise and relation ``[n, 3 F]`` of each block.
        fitted: Number of blocks of training rows.
        seconds: Seconds of one block.
    """

    relations: Relations
    floor: np.ndarray
    runs: LongestRuns
    range: ValueRange
    time: np.ndarray
    statistics: np.ndarray
    fitted: int
    seconds: int


@dataclass(frozen=True)
class InputReference:
    """Statistics of F features.

    Args:
        features: Names.
        step: Seconds from one row to the next.
        relations: How each follows from the others.
        floor: Smallest roughness that counts ``[F]``.
        charts: Charts of level, noise and relation, ``K = 3 F``.
        runs: Longest constant runs.
        range: Magnitudes.
    """

    features: tuple[str, ...]
    step: int
    relations: Relations
    floor: np.ndarray
    charts: ChartReference
    runs: LongestRuns
    range: ValueRange

    @classmethod
    def fit(
        cls, features: tuple[str, ...], step: int, pieces: Pieces, training_end: int, local: Local
    ) -> "InputReference":
        """Fit all statistics.

        Args:
            features: Names of the F features.
            step: Seconds from one row to the next.
            pieces: Returns the training and validation rows in pieces, each time from the start: seconds ``[m]`` and
                values ``[m, F]``, NaN where missing.
            training_end: Second after the last training row; profile and relations are fitted on rows before it.
            local: Turns seconds into local ones, of which hours and weekdays are taken.
        """
        summary = summarize_inputs(len(features), step, pieces, training_end)
        charts = ChartReference.fit(
            local(summary.time), summary.statistics, summary.fitted, summary.seconds, FITTING
        )
        return cls.from_summary(features, step, summary, charts)

    @classmethod
    def from_summary(
        cls, features: tuple[str, ...], step: int, summary: InputSummary, charts: ChartReference
    ) -> "InputReference":
        """Return the statistics with charts that were fitted on them."""
        return cls(features, step, summary.relations, summary.floor, charts, summary.runs, summary.range)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "features": list(self.features),
            "step": self.step,
            "relations": self.relations.to_dict(),
            "floor": to_plain_list(self.floor),
            "charts": self.charts.to_dict(),
            "runs": self.runs.to_dict(),
            "range": self.range.to_dict(),
        }

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "InputReference":
        """Read what ``to_dict`` returned."""
        return cls(
            tuple(stored["features"]),
            int(stored["step"]),
            Relations.from_dict(stored["relations"]),
            to_array(stored["floor"]),
            ChartReference.from_dict(stored["charts"]),
            LongestRuns.from_dict(stored["runs"]),
            ValueRange.from_dict(stored["range"]),
        )


def summarize_inputs(count: int, step: int, pieces: Pieces, training_end: int) -> InputSummary:
    """Summarize rows, see ``InputReference.fit``.

    Args:
        count: Number of features F.
        step: Seconds from one row to the next.
        pieces: Returns the training and validation rows in pieces.
        training_end: Second after the last training row.
    """
    builder, parts, learner = BlockBuilder(step, count), [], None
    value_range = ValueRange.empty(count)
    for seconds, values in pieces():
        if learner is None:
            learner = RunLearner(count, values)
        learner.add(values)
        value_range = value_range.extend(values)
        parts.append(builder.add(seconds, values))
    blocks = join_blocks(parts, count)
    fitted = int(np.searchsorted(blocks.time, training_end - builder.seconds, side="right"))
    relations = Relations.fit(blocks.mean[:fitted])
    floor = FLOOR * _typical(blocks.mean[:fitted])
    statistics = input_statistics(blocks, relations, floor)
    runs = (learner or RunLearner(count, np.zeros((0, count)))).result()
    return InputSummary(relations, floor, runs, value_range, blocks.time, statistics, fitted, builder.seconds)


def input_statistics(
    blocks: Blocks, relations: Relations, floor: np.ndarray, broken: np.ndarray | None = None
) -> np.ndarray:
    """Return level, noise (a logarithm) and relation of n blocks ``[n, 3 F]``.

    Args:
        blocks: The blocks.
        relations: How each feature follows from the others.
        floor: Smallest roughness that counts ``[F]``.
        broken: Blocks and features ``[n, F]`` from which no other feature is estimated.
    """
    noise = np.log(blocks.roughness + floor)
    sources = None if broken is None else np.where(broken, np.nan, blocks.mean)
    return np.concatenate([blocks.mean, noise, relations.residuals(blocks.mean, sources)], axis=1)


def _typical(mean: np.ndarray) -> np.ndarray:
    """Return the standard deviations ``[F]`` of block means, or their size where they are constant."""
    known = np.isfinite(mean)
    count = np.maximum(known.sum(axis=0), 1)
    center = np.where(known, mean, 0.0).sum(axis=0) / count
    spread = np.sqrt((np.where(known, mean - center, 0.0) ** 2).sum(axis=0) / count)
    return np.asarray(np.where(spread > 0, spread, np.maximum(np.abs(center), 1e-9)))
