"""A small panel: series of unequal length, start and level."""

from dataclasses import replace

import numpy as np

from tests.helpers.series_factory import START, make_series
from tsforecast.panels.panel import Panel

LENGTHS = (60, 80, 100)
LEVELS = (1.0, 100.0, -1000.0)
STARTS = (20, 0, 0)  # steps after the first time of all


def make_panel(lengths=LENGTHS, levels=LEVELS, starts=STARTS, seed=0, season=6, **fields):
    """Returns series ``a``, ``b`` and so on: a seasonal wave with noise, of a size in proportion to the level."""
    rng, parts, times = np.random.default_rng(seed), [], []
    for length, level, start in zip(lengths, levels, starts, strict=True):
        wave = np.sin(2 * np.pi * np.arange(length) / season) + 0.1 * rng.standard_normal(length)
        parts.append(level + 0.1 * abs(level) * wave)
        times.append(START + (start + np.arange(length)) * np.timedelta64(3600, "s"))
    series = make_series(
        values=np.concatenate(parts)[:, None], features=("load",), season=season, step=3600, **fields
    )
    ids = tuple("abcdefghij"[: len(lengths)])
    panel = Panel(ids, np.concatenate([[0], np.cumsum(lengths)]))
    return replace(series, time=np.concatenate(times), panel=panel)


def write_panel(path, series):
    """Writes a panel as a long CSV file with the columns ``id``, ``time`` and ``load``."""
    of_row = series.panel.series_of(np.arange(len(series)))
    lines = ["id,time,load"]
    for row, index in enumerate(of_row):
        lines.append(f"{series.panel.ids[index]},{series.time[row]},{float(series.values[row, 0])!r}")
    path.write_text("\n".join(lines) + "\n")
    return path


def write_static_panel(path, series):
    """Writes a panel with a number and a text for each series in addition."""
    of_row = series.panel.series_of(np.arange(len(series)))
    lines = ["id,time,load,size,region"]
    for row, index in enumerate(of_row):
        name, region = series.panel.ids[index], "south" if index else "north"
        lines.append(f"{name},{series.time[row]},{float(series.values[row, 0])!r},{10 * index},{region}")
    path.write_text("\n".join(lines) + "\n")
    return path
