"""Forecasts as a table with one row per forecast, step and target, written to Parquet or CSV in pieces."""

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
from tsforecast.times.clock import Clock

GROUP_ROWS = 100_000  # rows to collect before they are written


def forecast_table(
    metadata: ModelMetadata,
    made_at: np.ndarray,
    forecasts: Forecasts,
    lower: np.ndarray,
    upper: np.ndarray,
    levels: Sequence[float] | None = None,
) -> pa.Table:
    """Return forecasts as a table.

    Its columns are ``made_at`` and ``time`` (the numbers of steps where times number them), ``target``, ``forecast``
    (the median of quantiles), ``lower`` and ``upper``; ``mean`` from models whose distribution has one;
    ``q0.1`` and the like from models with quantiles, ``spike_probability`` from models with a spike head, and
    ``weight_NAME`` for each member of an ensemble.

    Args:
        metadata: Targets, times and members of the model.
        made_at: Time datetime64[s] ``[n]`` of the last row of each window.
        forecasts: Forecasts of the n windows.
        lower: Lower bounds ``[n, H, T]``; NaN, null in the table, where there is no interval yet.
        upper: Upper bounds ``[n, H, T]``.
        levels: Levels of the quantiles, if they are not those of the model.
    """
    count, horizon, targets = forecasts.values.shape
    repeats = horizon * targets
    columns: dict[str, Any] = {
        "made_at": metadata.times_to_arrow(np.repeat(made_at, repeats)),
        "time": metadata.times_to_arrow(np.repeat(metadata.target_times(made_at).ravel(), targets)),
        "target": repeat_names(metadata.targets, count * horizon),
        "forecast": forecasts.values.ravel(),
        "lower": pa.array(lower.ravel(), from_pandas=True),
        "upper": pa.array(upper.ravel(), from_pandas=True),
    }
    if forecasts.mean is not None:
        columns["mean"] = forecasts.mean.ravel()
    if forecasts.quantiles is not None:
        for index, level in enumerate(levels or metadata.quantile_levels or ()):
            columns[f"q{level:g}"] = forecasts.quantiles[..., index].ravel()
    if forecasts.spike is not None:
        columns["spike_probability"] = forecasts.spike.ravel()
    if forecasts.weights is not None:
        for index, name in enumerate(member_names(metadata, forecasts.weights.shape[1])):
            columns[f"weight_{name}"] = np.repeat(forecasts.weights[:, index], repeats)
    return pa.table(columns)


def repeat_names(names: Sequence[str], times: int) -> pa.Array:
    """Return names one after the other, so many times.

    Example:
        >>> repeat_names(["load", "price"], 2).to_pylist()
        ['load', 'price', 'load', 'price']
    """
    if len(names) == 1:
        return pa.repeat(pa.scalar(names[0], pa.string()), times)
    return pa.array(names, pa.string()).take(pa.array(np.tile(np.arange(len(names)), times)))


def member_names(metadata: ModelMetadata, count: int) -> Sequence[str]:
    """Return the names of an ensemble's members, or their numbers if the metadata has no names."""
    return metadata.members if len(metadata.members) == count else [str(index) for index in range(count)]


class TableWriter:
    """Writes tables to a Parquet or CSV file, depending on its name, that appears once it is complete.

    Args:
        path: File to write.
        option: The option that names it, for messages.

    Raises:
        UserError: The name ends neither in ``.parquet`` nor in ``.csv``, or its folder does not exist.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "forecasts.csv"
        >>> with TableWriter(path) as writer:
        ...     writer.write(pa.table({"forecast": [1.5]}))
        >>> path.read_text().split()
        ['"forecast"', '1.5']
    """

    def __init__(self, path: str | Path, option: str = "predict.out"):
        self.path = Path(path).expanduser()
        if self.path.suffix not in (".parquet", ".csv"):
            raise UserError(f"{option}={path} must end in .parquet or .csv.")
        if not self.path.parent.is_dir():
            raise UserError(f"{option}={path}: the folder {self.path.parent} does not exist.")
        self.rows = 0
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0
        self._writer: Any = None
        self._files = ExitStack()

    def __enter__(self) -> "TableWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._files.__exit__(kind, error, trace)
            return
        with self._files:
            self._flush()

    def write(self, table: pa.Table) -> None:
        """Append the rows of a table."""
        self._waiting.append(table)
        self.rows += table.num_rows
        self._waiting_rows += table.num_rows
        if self._waiting_rows >= GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        if not self._waiting:
            return
        table = pa.concat_tables(self._waiting)
        table = _write_offsets(table) if self.path.suffix == ".csv" else table
        if self._writer is None:
            create = pyarrow.csv.CSVWriter if self.path.suffix == ".csv" else pq.ParquetWriter
            temporary = self._files.enter_context(atomic_path(self.path))
            self._writer = self._files.enter_context(create(str(temporary), table.schema))
        self._writer.write_table(table)
        self._waiting, self._waiting_rows = [], 0


def _write_offsets(table: pa.Table) -> pa.Table:
    """Return a table whose times of a zone are text with their offsets, or with Z in UTC."""
    for index, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type) and field.type.tz is not None:
            utc = np.asarray(table[index].cast(pa.int64()).to_numpy()).astype("datetime64[s]")
            zone = "" if field.type.tz == "UTC" else field.type.tz
            texts = pa.array(Clock(zone, is_utc=True).format(utc))
            table = table.set_column(index, field.name, texts)
    return table
