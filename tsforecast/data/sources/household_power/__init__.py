"""Electric power of one household near Paris, every minute of 2006-12-16 to 2010-11-26 (UCI, CC BY 4.0).

Source: G. Hebrail and A. Berard, "Individual Household Electric Power Consumption", UCI Machine Learning
Repository, 2012, DOI 10.24432/C58K54. License and changes: LICENSE.md in this folder.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from tsforecast.columns.arrow import floats
from tsforecast.data.calendar_features import DAY_AND_WEEK, calendar
from tsforecast.data.derived import Derived, derive
from tsforecast.data.series import (
    Series,
    check_rows,
    pick_features,
    pick_known_ahead,
    pick_targets,
)
from tsforecast.errors import UserError
from tsforecast.times.frequency import Frequency

PARQUET = Path(__file__).with_name("household_power.parquet")
ALL_ROWS = 2_075_259
# Column of the Parquet file -> (feature, smallest units in one unit, unit).
COLUMNS = {
    "global_active_power_W": ("global_active_power", 1000, "kW"),
    "global_reactive_power_VAr": ("global_reactive_power", 1000, "kVAr"),
    "voltage_cV": ("voltage", 100, "V"),
    "global_intensity_dA": ("global_intensity", 10, "A"),
    "sub_metering_1_Wh": ("sub_metering_1", 1, "Wh"),
    "sub_metering_2_Wh": ("sub_metering_2", 1, "Wh"),
    "sub_metering_3_Wh": ("sub_metering_3", 1, "Wh"),
}
UNITS = {feature: unit for feature, _, unit in COLUMNS.values()} | {"unmetered_energy": "Wh"}
FEATURES = (*UNITS, *DAY_AND_WEEK)
DERIVED: Derived = {
    "unmetered_energy": {
        "global_active_power": 1000 / 60,
        "sub_metering_1": -1.0,
        "sub_metering_2": -1.0,
        "sub_metering_3": -1.0,
    }
}


def load(
    rows: int | None = None,
    target: str | Sequence[str] = "global_active_power",
    features: Sequence[str] | None = None,
    known_ahead: Sequence[str] = (),
) -> Series:
    """Load the first ``rows`` minutes of the embedded data set.

    Args:
        rows: Number of rows, 1 to 2,075,259; None for all.
        target: A measured feature, a list of them, or ``"all"`` for the eight measured ones.
        features: Input features out of the twelve; None for all. Targets are always inputs.
        known_ahead: Measured features to treat as known in advance, in addition to the calendar.

    Returns:
        float32 values in kW, kVAr, V, A and Wh a minute; the unmetered energy is
        ``global_active_power * 1000 / 60 - sub_metering_1 - sub_metering_2 - sub_metering_3`` (the source's
        formula).

    Raises:
        UserError: if a name is unknown or more rows are asked for than there are.
    """
    check_rows(rows)
    targets = pick_targets(target, tuple(UNITS))
    chosen = pick_features(features, targets, FEATURES)
    time, values = _read(rows)
    if chosen != FEATURES:
        values = values[:, [FEATURES.index(name) for name in chosen]]
    units = {UNITS[name] for name in targets}
    missing = int(np.isnan(values[:, chosen.index(targets[0])]).sum())
    note = f"{missing:,} of {len(time):,} minutes have no measurement ({missing / len(time):.2%})."
    return Series(
        time=time,
        values=values,
        features=chosen,
        targets=targets,
        season=Frequency(60).season,
        unit=units.pop() if len(units) == 1 else "",
        known_ahead=pick_known_ahead(known_ahead, chosen),
        notes=(note,) if missing else (),
        name="household_power",
        derived={name: weights for name, weights in DERIVED.items() if name in chosen},
    )


def _read(rows: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Return times ``[N]`` and the twelve features ``[N, 12]``; decodes only the row groups it needs."""
    with pq.ParquetFile(PARQUET) as file:
        total = file.metadata.num_rows
        if rows is not None and rows > total:
            raise UserError(
                f"data.rows is {rows:,}, but household_power has {total:,} rows: give at most that, or null."
            )
        wanted = rows or total
        time = _times(file.schema_arrow.metadata, wanted)
        values = np.empty((wanted, len(FEATURES)), np.float32)
        start = 0
        for group in range(file.metadata.num_row_groups):
            if start >= wanted:
                break
            table = file.read_row_group(group, columns=list(COLUMNS)).slice(0, wanted - start)
            part = values[start : start + table.num_rows]
            for column, (name, (_, units, _)) in enumerate(COLUMNS.items()):
                # Whole numbers below 2**24 are exact in float32, so that the quotient is the nearest float32.
                part[:, column] = floats(table[name], np.float32) / np.float32(units)
            start += table.num_rows
    measured = {name: values[:, FEATURES.index(name)] for name in FEATURES[:7]}
    for name, weights in DERIVED.items():
        values[:, FEATURES.index(name)] = derive(weights, measured)
    values[:, 8:] = calendar(time, DAY_AND_WEEK)
    return time, values


def _times(metadata: dict[bytes, bytes], rows: int) -> np.ndarray:
    start = np.datetime64(metadata[b"start"].decode(), "s")
    step = np.timedelta64(int(metadata[b"step_seconds"]), "s")
    return start + np.arange(rows) * step
