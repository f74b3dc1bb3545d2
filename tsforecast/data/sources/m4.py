"""The M4 competition's data sets: one row for each series, and its values one after the other in the columns."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from tsforecast.columns.arrow import floats
from tsforecast.columns.categories import FIRST
from tsforecast.data.series import Series
from tsforecast.data.sources.table import check_season
from tsforecast.errors import UserError
from tsforecast.panels.panel import Panel
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.tables.file_source import FileSource
from tsforecast.times.formats import TimeFormat
from tsforecast.times.frequency import Frequency
from tsforecast.times.stated import step_pattern
from tsforecast.times.time_grid import TimeGrid

SERIES, STEP, VALUE = "unique_id", "step", "value"


def load(
    train: str,
    test: str | None = None,
    frequency: str = "1h",
    season: int | None = None,
    series_input: bool = False,
    recipe: ReadingRecipe | None = None,
) -> Series:
    """Read such as ``Hourly-train.csv`` and ``Hourly-test.csv``: the test values follow those for training.

    Args:
        train: File with the series to train on.
        test: File with the values that follow them; None for none.
        frequency: The step, such as ``1h``; the files have no times.
        season: Rows in a season; None for a day of hours, a week of days, a year of months or quarters.
        series_input: Whether models read which series a window is of.
        recipe: Of a model; the files are always read in the same way.

    Returns:
        float64 values, with times that number the steps of each series from 1.

    Raises:
        UserError: A file is not there or has another layout, or the two have different series.

    Source: Makridakis, Spiliotis & Assimakopoulos (2020), The M4 Competition.
    """
    del recipe
    check_season(season)
    step = Frequency.parse(frequency)
    rows = _read(train, "data.train")
    if test is not None:
        later = _read(test, "data.test")
        if list(later) != list(rows):
            raise UserError(f"data.test: {test} does not have the series of {train} in the same order.")
        rows = {name: np.concatenate([values, later[name]]) for name, values in rows.items()}
    lengths = [len(values) for values in rows.values()]
    columns = [np.concatenate(list(rows.values()))]
    if series_input:
        columns.append(np.repeat(FIRST + np.arange(len(rows), dtype=np.float64), lengths))
    name = SERIES if series_input else ""
    numbers = np.concatenate([np.arange(1, length + 1) for length in lengths])
    return Series(
        time=(numbers * step.seconds).astype("datetime64[s]"),
        values=np.stack(columns, axis=1),
        features=(VALUE, *([SERIES] if series_input else [])),
        targets=(VALUE,),
        season=season or step.season,
        name="m4",
        recipe=ReadingRecipe(
            TimeFormat((STEP,), step_pattern(step.seconds)),
            (VALUE,),
            TimeGrid(Frequency(step.seconds)),
            categories={SERIES: tuple(rows)} if series_input else {},
            series_id=(SERIES,),
            series_input=name,
        ),
        panel=Panel(tuple(rows), np.concatenate([[0], np.cumsum(lengths)]), has_clock=False, name=name),
    )


def _read(path: str, key: str) -> dict[str, np.ndarray]:
    """Return the values of each series, which end before the first empty column."""
    if not Path(path).expanduser().is_file():
        raise UserError(
            f"{key}: there is no file {path}: get the files of M4 from https://github.com/Mcompetitions/M4-methods"
            " (Dataset), and give their paths."
        )
    table = FileSource(path).open().table()
    names = [str(value) for value in table.column(0).to_pylist()]
    numbers = [column for column in table.columns[1:] if not pa.types.is_null(column.type)]
    if not numbers or not all(
        pa.types.is_floating(column.type) or pa.types.is_integer(column.type) for column in numbers
    ):
        raise UserError(
            f"{key}: {path} is not a file of M4, with an id and then the values of a series in each row."
        )
    values = np.stack([floats(column) for column in numbers], axis=1)
    counts = values.shape[1] - np.argmax(~np.isnan(values[:, ::-1]), axis=1)
    return {name: row[:count] for name, row, count in zip(names, values, counts, strict=True)}
