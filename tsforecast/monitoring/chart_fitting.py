"""The charts of many series, fitted together: their blocks are columns of one array, and one loop goes over it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from tsforecast.monitoring.cusum import Cusum, PeakTail
from tsforecast.monitoring.detectors.drift import ChartReference, DriftOptions, memory_blocks
from tsforecast.monitoring.profile import Profile
from tsforecast.monitoring.reference import Local

MAX_VALUES = 1_000_000  # block statistics that are fitted together


class SeriesBlocks(NamedTuple):
    """The block statistics of one series.

    Args:
        time: Second ``[n]`` at which each block begins.
        values: Statistics ``[n, K]``, NaN where unknown.
        fitted: Number of blocks to fit the profile on.
        min_scale: Smallest scales ``[K]`` of the profile.
    """

    time: np.ndarray
    values: np.ndarray
    fitted: int
    min_scale: np.ndarray


def fit_charts(
    series: Sequence[SeriesBlocks], seconds: int, local: Local, options: DriftOptions
) -> list[ChartReference]:
    """Fit the charts of each series, as ``ChartReference.fit`` does; series of about the same times are fitted at once.

    Args:
        series: Blocks of the S series, each with the same number of statistics K.
        seconds: Seconds of one block.
        local: Turns seconds into local ones.
        options: Options of the detector.

    Returns:
        The references, in the same order.
    """
    fitted: dict[int, ChartReference] = {}
    for group in _groups(series):
        parts = _fit_group([series[index] for index in group], seconds, local, options)
        fitted.update(zip(group, parts, strict=True))
    return [fitted[index] for index in range(len(series))]


def _groups(series: Sequence[SeriesBlocks]) -> Iterator[list[int]]:
    """Yield the indices of series that begin and end about the same time, as many as fit into memory."""
    order = sorted(range(len(series)), key=lambda index: (series[index].time[0], series[index].time[-1]))
    group, times, width = list[int](), np.zeros(0, np.int64), 0
    for index in order:
        blocks = series[index]
        union = times if np.array_equal(times, blocks.time) else np.union1d(times, blocks.time)
        count = blocks.values.shape[1]
        if group and len(union) * (width + count) > MAX_VALUES:
            yield group
            group, union, width = [], blocks.time, 0
        group, times, width = [*group, index], union, width + count
    if group:
        yield group


def _fit_group(
    series: Sequence[SeriesBlocks], seconds: int, local: Local, options: DriftOptions
) -> list[ChartReference]:
    times = np.unique(np.concatenate([blocks.time for blocks in series]))
    width = series[0].values.shape[1]
    values = np.full((len(times), len(series) * width), np.nan)
    training, used = values.copy(), np.zeros(len(times), bool)
    rows = [np.searchsorted(times, blocks.time) for blocks in series]
    for index, blocks in enumerate(series):
        columns = slice(index * width, (index + 1) * width)
        values[rows[index], columns] = blocks.values
        training[rows[index][: blocks.fitted], columns] = blocks.values[: blocks.fitted]
        used[rows[index][: blocks.fitted]] = True
    min_scale = np.concatenate([blocks.min_scale for blocks in series])
    local_times = local(times)
    profile = Profile.fit(local_times[used], training[used], min_scale)
    charts = Cusum(values.shape[1], memory_blocks(options, seconds))
    path = charts.run(profile.normalize(local_times, values))
    references = []
    for index, positions in enumerate(rows):
        columns = slice(index * width, (index + 1) * width)
        part = Profile(profile.slots, profile.center[:, columns], profile.scale[:, columns])
        tail = PeakTail.fit(path[positions[0] : positions[-1] + 1, :, :, columns], seconds)
        references.append(ChartReference(part, tail, seconds))
    return references
