"""Monitoring of rows: drift, noise, relations, and sensors that are missing, stuck or in another unit."""

from typing import Any

import numpy as np

from tsforecast.monitoring.blocks import BlockBuilder
from tsforecast.monitoring.detectors.drift import DriftDetector, DriftOptions
from tsforecast.monitoring.detectors.missing import MissingOptions, MissingSensor
from tsforecast.monitoring.detectors.signal import Signal, Stateful
from tsforecast.monitoring.detectors.stuck import StuckSensor
from tsforecast.monitoring.detectors.value_range import RangeDetector
from tsforecast.monitoring.options import AlarmOptions
from tsforecast.monitoring.reference import STATISTICS, InputReference, Local, input_statistics

BLOCKS_OF_SHARE = 6  # that the share of missing values is taken over
Finding = tuple[str, np.ndarray, Signal]  # kind, second [m] of each row or block, and what was found there


class InputMonitor:
    """Runs all detectors of the inputs.

    Args:
        reference: Statistics of training.
        options: What raises an alarm.
        local: Turns seconds into local ones.
    """

    def __init__(self, reference: InputReference, options: AlarmOptions, local: Local):
        self.reference, self.local = reference, local
        count = len(reference.features)
        self.blocks = BlockBuilder(reference.step, count)
        window = BLOCKS_OF_SHARE * max(1, self.blocks.seconds // reference.step)
        missing = MissingOptions(rows=options.missing_rows, share=options.missing_share, window=window)
        self.broken = BlockBuilder(reference.step, count)
        self.missing = MissingSensor(count, missing)
        self.stuck = StuckSensor(reference.runs, options.stuck_factor)
        self.range = RangeDetector(reference.range, options.range_factor, options.range_rows)
        self.drift = DriftDetector(reference.charts, DriftOptions(per_week=options.false_alarms_per_week))

    def update(self, seconds: np.ndarray, values: np.ndarray) -> list[Finding]:
        """Add rows.

        Args:
            seconds: Seconds ``[m]`` since 1970, on the grid without gaps.
            values: Values ``[m, F]`` in the features' units, NaN where missing.
        """
        stuck, out_of_range = self.stuck.update(values), self.range.update(values)
        findings = [
            ("missing", seconds, self.missing.update(values)),
            ("stuck", seconds, stuck),
            ("range", seconds, out_of_range),
        ]
        blocks = self.blocks.add(seconds, values)
        # A broken sensor is one alarm, and not one more for each feature that is related to it.
        broken = self.broken.add(seconds, (stuck.active | out_of_range.active).astype(np.float64))
        if len(blocks):
            reference = self.reference
            statistics = input_statistics(blocks, reference.relations, reference.floor, broken.mean > 0)
            signal = self.drift.update(self.local(blocks.time), statistics)
            ends = blocks.time + self.blocks.seconds
            findings += [(kind, ends, part) for kind, part in split_signal(signal, STATISTICS).items()]
        return findings

    def levels(self) -> dict[str, np.ndarray]:
        """Return the highest chart of each statistic and feature, as a share of its threshold."""
        return dict(zip(STATISTICS, self.drift.level.reshape(len(STATISTICS), -1), strict=True))

    def to_dict(self) -> dict[str, Any]:
        """Return the state, for ``restore``."""
        return {name: part.to_dict() for name, part in self._parts().items()}

    def restore(self, stored: dict[str, Any]) -> None:
        """Restore what ``to_dict`` returned."""
        for name, part in self._parts().items():
            part.restore(stored[name])

    def _parts(self) -> dict[str, Stateful]:
        names = ("blocks", "broken", "missing", "stuck", "range", "drift")
        return {name: getattr(self, name) for name in names}


def split_signal(signal: Signal, kinds: tuple[str, ...]) -> dict[str, Signal]:
    """Return the signal of each kind, whose columns follow one another."""
    width = signal.active.shape[1] // len(kinds)
    parts = {}
    for index, kind in enumerate(kinds):
        columns = slice(index * width, (index + 1) * width)
        figures = {name: value[:, columns] for name, value in signal.figures.items()}
        parts[kind] = Signal(signal.active[:, columns], figures)
    return parts
