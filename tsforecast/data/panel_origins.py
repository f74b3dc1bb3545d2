"""Rolling origins of many series: at the same times in all of them, or so many rows before the end of each."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from tsforecast.data.dataset import ForecastDataset
from tsforecast.data.origins import Border, Origin, borders_around, check_observed
from tsforecast.data.series import Series
from tsforecast.data.splits import divides_at_times
from tsforecast.errors import UserError
from tsforecast.panels.ends import ends_of_series, first_and_stop
from tsforecast.panels.panel import join_ids, take_rows


@dataclass(frozen=True, eq=False)
class CommonSteps:
    """Steps that the series of a panel have in common: those of their grid of times, or rows before their test rows.

    Args:
        first: ``[S]`` step of the first row of each series, 0 for the earliest.
        stop: ``[S]`` step that ends the test rows of each.
        test: Step at which the test rows begin, if they do so at the same step in all series; None for times.
    """

    first: np.ndarray
    stop: np.ndarray
    test: int | None

    @classmethod
    def from_split(cls, dataset: ForecastDataset, split: Mapping[str, object]) -> "CommonSteps":
        """Return the steps of a panel's series: of time where the split divides at times, else of rows."""
        series, test = dataset.series, dataset.split_ranges("test")
        starts, at_times = series.bounds[:-1], divides_at_times(split, series)
        times = series.time[starts].astype("datetime64[ns]")
        first = series.grid.positions(times) if at_times else starts - test[:, 0]
        earliest = first.min()
        first = first - earliest
        return cls(first, first + test[:, 1] - starts, None if at_times else int(-earliest))

    def rows(self, steps: object, bounds: np.ndarray) -> np.ndarray:
        """Return the rows ``[..., S]`` at steps ``[...]`` in series that begin at ``bounds``, which end there too."""
        reached = np.minimum(np.asarray(steps)[..., None], self.stop) - self.first
        rows: np.ndarray = bounds[:-1] + np.clip(reached, 0, np.diff(bounds))
        return rows

    def ranges(self, borders: tuple[Border, ...], bounds: np.ndarray) -> np.ndarray:
        """Return the rows ``[P, S, 2]`` of P parts."""
        return np.swapaxes(self.rows(borders, bounds), 1, 2)

    def step_numbers(self, rows: np.ndarray, series: Series) -> np.ndarray:
        """Return the steps ``[n]`` of rows ``[n]``."""
        index = series.series_of(rows)
        steps: np.ndarray = rows - series.bounds[index] + self.first[index]
        return steps


@dataclass(frozen=True, kw_only=True)
class PanelOrigin(Origin):
    """One origin of a panel, whose borders are steps rather than rows.

    Args:
        steps: What the steps are in each series.
    """

    steps: CommonSteps

    def split(self, series: Series, fitted: Origin | None = None) -> tuple[Series, np.ndarray]:
        """Return the series up to the block's last target, and the ranges of its splits, see `Origin.split`."""
        first, bounds = fitted or self, series.bounds
        stops = self.steps.rows(self.test[1], bounds)
        known = series.select(np.arange(len(series)) < np.repeat(stops, np.diff(bounds)))
        borders = first.train, first.val, (first.val[1], self.test[1])
        return known, self.steps.ranges(borders, known.bounds)

    def divide(self, dataset: ForecastDataset, train: Border) -> ForecastDataset:
        """Return a data set with the ranges of the origin, and other rows to train on."""
        borders = train, self.val, self.test
        return replace(dataset, ranges=self.steps.ranges(borders, dataset.series.bounds))

    def known_until(self, series: Series) -> str:
        """Return the last time that is known, or which row of the test rows of each series."""
        if self.steps.test is not None:
            return f"row {self.row + 1 - self.steps.test} of test"
        last = self.steps.rows(self.row + 1, series.bounds) - 1
        return series.clock.format(np.array([series.time[last].max()]))[0]

    def rows_of_all(self, ends: np.ndarray, series: Series) -> np.ndarray:
        """Return the rows ``[n]`` of all data that rows ``[n]`` of the origin's data are."""
        bounds = series.bounds
        lengths = self.steps.rows(self.test[1], bounds) - bounds[:-1]
        index = np.searchsorted(np.cumsum(lengths), ends, side="right")
        rows: np.ndarray = ends + (bounds[:-1] - np.cumsum(lengths) + lengths)[index]
        return rows


def panel_origins(
    dataset: ForecastDataset, split: Mapping[str, object], count: int
) -> tuple[ForecastDataset, tuple[PanelOrigin, ...]]:
    """Cut the test windows of many series into consecutive blocks that begin at the same steps in all of them.

    Args:
        dataset: The panel under ``split``.
        split: ``data.split``.
        count: Blocks, at least 1.

    Returns:
        The data set without the series that have no training window at the first origin, and the origins, all of which
        have the same series.

    Raises:
        UserError: There are more blocks than steps with windows, a block has no observed target, or no series has a row
            or a window left to train on.
    """
    origins = _origins(dataset, split, count)
    bounds, window = dataset.series.bounds, dataset.window
    shape = {name: window[name] for name in ("lookback", "lead", "horizon")}
    train = origins[0].steps.ranges((origins[0].train,), bounds)[0]
    first, stop = first_and_stop(train, bounds[:-1], **shape, inside=True)
    kept = first < stop
    if kept.all():
        return dataset, origins
    if not kept.any():
        raise UserError(
            "No series has a training window before origin 1 of the backtest, which validates on the rows before it:"
            " give data.split.train more rows."
        )
    left = _keep(dataset, kept)
    return left, _origins(left, split, count)


def select_ids(series: Series, kept: Series) -> Series:
    """Return the series of a panel whose ids another has, in the same order, with a note on the others."""
    if series.panel is None or kept.panel is None or len(series.panel) == len(kept.panel):
        return series
    known = set(kept.panel.ids)
    in_kept = np.array([name in known for name in series.panel.ids])
    excluded = [name for name in series.panel.ids if name not in known]
    text = (
        f"{len(excluded):,} of {len(series.panel):,} series have no training window before the first origin and were"
        f" left out: {join_ids(excluded)}."
    )
    selected = series.select(np.repeat(in_kept, series.panel.lengths))
    return replace(selected, notes=(*series.notes, text))


def _origins(dataset: ForecastDataset, split: Mapping[str, object], count: int) -> tuple[PanelOrigin, ...]:
    series, windows = dataset.series, dataset.windows("test")
    steps = CommonSteps.from_split(dataset, split)
    ends = np.unique(steps.step_numbers(windows.ends, series))
    if count > len(ends):
        raise UserError(
            f"backtest.origins={count} is more than the {len(ends):,} steps of the test split that windows end at: give"
            " fewer."
        )
    val = dataset.split_ranges("val")
    val = (val + (steps.first - series.bounds[:-1])[:, None])[val[:, 1] > val[:, 0]]
    val_steps = int(val[:, 1].max() - val[:, 0].min())
    origins = []
    for number, block in enumerate(np.array_split(ends, count), start=1):
        train, known, border = borders_around(int(block[0]), int(block[-1]), windows, val_steps)
        test = steps.ranges((border,), series.bounds)[0]
        check_observed(take_rows(windows.truths, test), number, count, border)
        forecasts = len(ends_of_series(test, series.bounds[:-1], **dataset.window, inside=False))
        origins.append(PanelOrigin(number, train, known, border, forecasts, steps=steps))
    return tuple(origins)


def _keep(dataset: ForecastDataset, kept: np.ndarray) -> ForecastDataset:
    """Return a data set of some of its series."""
    bounds = dataset.series.bounds
    rows = np.repeat(kept, np.diff(bounds))
    series = dataset.series.select(rows)
    moved = bounds[:-1][kept] - series.bounds[:-1]
    ranges = np.stack([dataset.split_ranges(part)[kept] for part in ("train", "val", "test")])
    return replace(
        dataset,
        series=series,
        inputs=dataset.inputs[rows],
        truths=dataset.truths[rows],
        ranges=ranges - moved[None, :, None],
    )
