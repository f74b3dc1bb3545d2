"""Rolling origins: the test windows in consecutive blocks, and the rows that are known before each."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from tsforecast.data.dataset import ForecastDataset
from tsforecast.data.series import Series
from tsforecast.data.windows import Windows
from tsforecast.errors import UserError

Border = tuple[int, int]


@dataclass(frozen=True)
class Origin:
    """One origin and the block of forecasts that follow it.

    The origin is the last input row of the block's first window: whatever a model learns from lies there or before.

    Args:
        number: 1 for the first.
        train: rows to train on, from row 0 on.
        val: rows to validate on, up to the origin.
        test: rows of the block's targets. Between the origin and these lie ``lead - 1`` rows that nobody knows yet.
        windows: forecasts in the block.
    """

    number: int
    train: Border
    val: Border
    test: Border
    windows: int

    @property
    def row(self) -> int:
        """The last row that is known at the origin."""
        return self.val[1] - 1

    @property
    def borders(self) -> tuple[Border, Border, Border]:
        """Borders of the three splits, as in ``ForecastDataset.borders``."""
        return self.train, self.val, self.test

    def since(self, before: "Origin", reach: int) -> Border:
        """The training rows whose targets came after an earlier origin's training rows.

        Args:
            before: the earlier origin.
            reach: lookback + lead - 1, the rows that the first of these windows reaches back.
        """
        return max(0, before.train[1] - reach), self.train[1]

    def split(
        self, series: Series, fitted: "Origin | None" = None
    ) -> tuple[Series, Mapping[str, object] | np.ndarray]:
        """The series up to the block's last target, and how it splits: no later row can enter this origin's figures.

        Args:
            series: all rows.
            fitted: the origin whose training and validation rows to take, with all rows after them for the test; None
                for this one.
        """
        first, stop = fitted or self, self.test[1]
        rows = {"train": first.train[1], "val": first.val[1] - first.val[0], "test": stop - first.val[1]}
        return replace(series, time=series.time[:stop], values=series.values[:stop]), rows

    def divide(self, dataset: ForecastDataset, train: Border) -> ForecastDataset:
        """Return a data set with the borders of the origin, and other rows to train on."""
        return replace(dataset, borders=(train, self.val, self.test))

    def known_until(self, series: Series) -> str:
        """Return the time of the last row that is known."""
        return series.clock.format(series.time[[self.row]])[0]

    def rows_of_all(self, ends: np.ndarray, series: Series) -> np.ndarray:
        """Return the rows ``[n]`` of all data that rows ``[n]`` of the origin's data are."""
        return ends


def rolling_origins(windows: Windows, count: int, val_rows: int) -> tuple[Origin, ...]:
    """Cut test windows into consecutive blocks, as even as can be.

    Args:
        windows: of the test split.
        count: blocks, at least 1.
        val_rows: rows to validate on before each origin, at least 1.

    Raises:
        UserError: there are more blocks than windows, a block has no observed target, or no row is left to train on.
    """
    if count > len(windows):
        raise UserError(
            f"backtest.origins={count} is more than the {len(windows):,} windows of the test split: give fewer."
        )
    origins = []
    for number, ends in enumerate(np.array_split(windows.ends, count), start=1):
        train, val, border = borders_around(int(ends[0]), int(ends[-1]), windows, val_rows)
        check_observed(windows.truths[slice(*border)], number, count, border)
        origins.append(Origin(number, train, val, border, len(ends)))
    return tuple(origins)


def borders_around(first: int, last: int, windows: Windows, val_rows: int) -> tuple[Border, Border, Border]:
    """Return the borders of an origin whose block has windows that end at rows ``first`` to ``last``.

    Raises:
        UserError: no row is left to train on.
    """
    known = first + 1
    start = known - val_rows
    if start < 1:
        raise UserError(
            f"Origin 1 lies at row {known - 1}, and data.split.val takes {val_rows:,} rows before it: nothing is"
            " left to train on; give data.split.train more rows."
        )
    return (0, start), (start, known), (first + windows.lead, last + windows.lead + windows.horizon)


def check_observed(truths: np.ndarray, number: int, count: int, border: Border) -> None:
    """Refuse a block in whose truths ``[n, T]`` a target is never observed."""
    if np.isnan(truths).all(axis=0).any():
        raise UserError(
            f"A target was never observed in block {number} of backtest.origins={count} (rows {border[0]:,} to"
            f" {border[1] - 1:,}): give fewer origins."
        )


def split_at_origin(dataset: ForecastDataset, origin: Origin, train: Border | None = None) -> ForecastDataset:
    """Return the data set with the borders of an origin; ``train`` replaces all rows before it as training rows."""
    return origin.divide(dataset, train or origin.train)
