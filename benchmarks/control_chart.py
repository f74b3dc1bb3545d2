"""The control chart to compare with: Shewhart's limits on the same hourly means and roughness."""

import numpy as np

from tsforecast.monitoring.blocks import BlockBuilder, join_blocks

STEP, HOUR = 60, 3600
WIDTHS = np.arange(3.0, 60.0, 0.1)
FLOOR = 1e-3  # added to the roughness before its logarithm is taken


class ControlChart:
    """Limits at three standard deviations, or at as many as would have raised ``per_week`` alarms before."""

    def __init__(self, household, per_week=None):
        self.data = household
        builder = BlockBuilder(STEP, len(household.features))
        learned = chart_statistics(join_blocks([builder.add(*piece) for piece in household.pieces()], 7))
        self.mean, self.spread = np.nanmean(learned, axis=0), np.nanstd(learned, axis=0)
        deviation = np.abs(learned - self.mean) / self.spread
        weeks, self.width = len(learned) / 168, 3.0
        if per_week is not None:
            self.width = next(width for width in WIDTHS if count_runs(deviation > width) / weeks <= per_week)
        self.runs = count_runs(self._is_outside(slice(household.first, household.last))[1])

    def find(self, rows, feature):
        """Hours from the first of these rows to the end of the first block outside; infinite without one."""
        ends, outside = self._is_outside(rows)
        hits = np.flatnonzero(outside.reshape(len(outside), 2, -1)[:, :, feature].any(axis=1))
        return (ends[hits[0]] - self.data.seconds[rows.start]) / HOUR if len(hits) else np.inf

    def _is_outside(self, rows):
        builder = BlockBuilder(STEP, len(self.data.features))
        blocks = builder.add(self.data.seconds[rows], self.data.values[rows])
        deviation = np.abs(chart_statistics(blocks) - self.mean) / self.spread
        return blocks.time + HOUR, deviation > self.width


def chart_statistics(blocks):
    return np.concatenate([blocks.mean, np.log(blocks.roughness + FLOOR)], axis=1)


def count_runs(outside):
    """Runs of blocks outside, over all charts."""
    before = np.concatenate([np.zeros((1, outside.shape[1]), bool), outside[:-1]])
    return int((outside & ~before).sum())
