"""Forecasts as a table: a row for each forecast, step and target; written to Parquet or CSV as they are made."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from tsforecast.errors import UserError
from tsforecast.files import atomic_path
from tsforecast.inference.forecasts import Forecasts
from tsforecast.inference.metadata import ModelMetadata

GROUP_ROWS = 100_000  # of the file that are held back, to be written at once


def forecast_table(
    metadata: ModelMetadata, made_at: np.ndarray, forecasts: Forecasts, lower: np.ndarray, upper: np.ndarray
) -> pa.Table:
    """Columns ``made_at``, ``time``, ``target``, ``forecast``, ``lower``, ``upper``, and what else the model tells.

    That is ``q0.1`` and the like of quantiles, ``spike_probability``, and ``weight_NAME`` of an ensemble's members.

    Args:
        metadata: of the model.
        made_at: ``[n]`` datetime64[s], the time of the last row in.
        forecasts: of n windows.
        lower: ``[n, H, T]``, NaN where there is no interval yet: null in the table.
        upper: the same.
    """
    count, horizon, targets = forecasts.values.shape
    each = horizon * targets
    columns: dict[str, Any] = {
        "made_at": pa.array(np.repeat(made_at, each)),
        "time": pa.array(np.repeat(metadata.target_times(made_at).ravel(), targets)),
        "target": pa.array(np.tile(np.array(metadata.targets, dtype=object), count * horizon), pa.string()),
        "forecast": forecasts.values.ravel(),
        "lower": pa.array(lower.ravel(), from_pandas=True),
        "upper": pa.array(upper.ravel(), from_pandas=True),
    }
    if forecasts.quantiles is not None:
        for index, level in enumerate(metadata.quantile_levels or ()):
            columns[f"q{level:g}"] = forecasts.quantiles[..., index].ravel()
    if forecasts.spike is not None:
        columns["spike_probability"] = forecasts.spike.ravel()
    if forecasts.weights is not None:
        for index, name in enumerate(member_names(metadata, forecasts.weights.shape[1])):
            columns[f"weight_{name}"] = np.repeat(forecasts.weights[:, index], each)
    return pa.table(columns)


def member_names(metadata: ModelMetadata, count: int) -> Sequence[str]:
    """The ensemble's members by name, or by number where the card names none."""
    return metadata.members if len(metadata.members) == count else [str(index) for index in range(count)]


class TableFile:
    """A Parquet or CSV file, by its name's end, that is there once it is complete.

    Args:
        path: of the file.

    Raises:
        UserError: the name ends in neither, or its folder is not there.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path).expanduser()
        if self.path.suffix not in (".parquet", ".csv"):
            raise UserError(f"predict.out={path} must end in .parquet or .csv.")
        if not self.path.parent.is_dir():
            raise UserError(f"predict.out={path}: there is no folder {self.path.parent}.")
        self.rows = 0
        self._held: list[pa.Table] = []
        self._writer: Any = None
        self._files = ExitStack()

    def __enter__(self) -> "TableFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._files.__exit__(kind, error, trace)
            return
        with self._files:
            self._flush()

    def add(self, table: pa.Table) -> None:
        """Adds rows."""
        self._held.append(table)
        self.rows += table.num_rows
        if sum(held.num_rows for held in self._held) >= GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        if not self._held:
            return
        table = pa.concat_tables(self._held)
        if self._writer is None:
            make = pyarrow.csv.CSVWriter if self.path.suffix == ".csv" else pq.ParquetWriter
            part = self._files.enter_context(atomic_path(self.path))
            self._writer = self._files.enter_context(make(str(part), table.schema))
        self._writer.write_table(table)
        self._held = []
