"""The four meters of the embedded household power data as many series: kitchen, laundry, water heater, and the rest."""

import numpy as np

from tsforecast.columns.categories import FIRST
from tsforecast.data.calendar_features import DAY_AND_WEEK
from tsforecast.data.series import Series
from tsforecast.data.sources.household_power import load as load_household_power
from tsforecast.panels.panel import Panel
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.times.formats import TimeFormat
from tsforecast.times.frequency import Frequency
from tsforecast.times.text import ISO
from tsforecast.times.time_grid import TimeGrid

METERS = {
    "kitchen": "sub_metering_1",
    "laundry_room": "sub_metering_2",
    "water_heater_and_air_conditioner": "sub_metering_3",
    "everything_else": "unmetered_energy",
}
ENERGY, METER = "energy", "meter"


def load(rows: int | None = None, series_input: bool = True, recipe: ReadingRecipe | None = None) -> Series:
    """Load the first ``rows`` minutes of each meter.

    Args:
        rows: Number of rows of each series, 1 to 2,075,259; None for all.
        series_input: Whether models read which meter a window is of.
        recipe: Of a model; the data are always read in the same way.

    Returns:
        float32 energy in Wh a minute with the calendar; the four series have the same times.

    Raises:
        UserError: More rows are asked for than there are.

    Example:
        >>> series = load(rows=100)
        >>> series.panel.ids[:2], series.values.shape
        (('kitchen', 'laundry_room'), (400, 6))
    """
    del recipe
    one = load_household_power(rows, target=list(METERS.values()), features=[*METERS.values(), *DAY_AND_WEEK])
    calendar = one.values[:, [one.features.index(name) for name in DAY_AND_WEEK]]
    count, meters = len(one), len(METERS)
    values = np.empty((meters * count, 1 + len(DAY_AND_WEEK) + series_input), np.float32)
    for index, feature in enumerate(METERS.values()):
        part = values[index * count : (index + 1) * count]
        part[:, 0] = one.column(feature)
        part[:, 1 : 1 + len(DAY_AND_WEEK)] = calendar
        if series_input:
            part[:, -1] = FIRST + index
    name = METER if series_input else ""
    step = Frequency(60)
    reading = ReadingRecipe(
        TimeFormat(("time",), ISO),
        (ENERGY,),
        TimeGrid(step),
        categories={METER: tuple(METERS)} if series_input else {},
        series_id=(METER,),
        series_input=name,
    )
    missing = int(np.isnan(values[:, 0]).sum())
    return Series(
        time=np.tile(one.time, meters),
        values=values,
        features=(ENERGY, *DAY_AND_WEEK, *([METER] if series_input else [])),
        targets=(ENERGY,),
        season=step.season,
        unit="Wh",
        known_ahead=DAY_AND_WEEK,
        notes=(f"{missing:,} of {len(values):,} rows have no measurement ({missing / len(values):.2%}).",)
        if missing
        else (),
        name="household_meters",
        recipe=reading,
        panel=Panel(tuple(METERS), np.arange(meters + 1) * count, name=name),
    )
