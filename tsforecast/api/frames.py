"""Data frames in and out: any library that narwhals knows, and back in the type that came in."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeGuard, TypeVar, cast

import narwhals as nw
import pyarrow as pa
import pyarrow.parquet as pq

from tsforecast import config_files
from tsforecast.api.overrides import optional_override, override
from tsforecast.errors import UserError
from tsforecast.files import write_bytes
from tsforecast.tables.frame import FrameSource
from tsforecast.tables.sources import find_source
from tsforecast.tables.table import Source

Frame = TypeVar("Frame")
FOLDER = Path("outputs/data")  # where the frames that models were trained on are kept


def is_path(data: object) -> TypeGuard[str | os.PathLike[str]]:
    """Return whether data are named by a path, a pattern, a URL or a choice of the config, and not a frame."""
    return isinstance(data, (str, os.PathLike))


def find_rows(data: object) -> Source:
    """Return the rows of a data frame, or those that a path names.

    Raises:
        UserError: The file does not exist, or the object is not a data frame.
    """
    return find_source(os.fspath(data), None) if is_path(data) else FrameSource(_collect(data))


def data_overrides(data: object, target: str | Sequence[str] | None, folder: Path = FOLDER) -> list[str]:
    """Return the overrides that train on these data.

    Args:
        data: A data frame, a path, a choice of ``conf/data``, or None for the default data.
        target: A column, a list of columns, or None.
        folder: Where a data frame is stored.
    """
    targets = optional_override("data.target", target)
    if data is None:
        return targets
    if is_path(data):
        name = os.fspath(data)
        if name in config_files.choices("data") and not Path(name).exists():
            return [f"data={name}", *targets]
        return ["data=csv", override("data.path", name), *targets]
    return ["data=csv", override("data.path", store(data, folder).absolute()), *targets]


def store(data: object, folder: Path = FOLDER) -> Path:
    """Write a data frame to a Parquet file that is named after its content, and return the path.

    A run is resumed, evaluated and retrained from this file, also in other processes. The same frame is stored once.

    Args:
        data: The data frame.
        folder: Where to store it.

    Raises:
        UserError: The object is not a data frame.
    """
    table = FrameSource(_collect(data)).open().table()
    buffer = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(None), buffer, compression="zstd")
    content = buffer.getvalue()
    path = folder / f"frame-{hashlib.sha256(content).hexdigest()[:12]}.parquet"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        write_bytes(path, content.to_pybytes())
    return path


def to_frame(table: pa.Table, like: Frame) -> Frame:
    """Return an Arrow table as a frame of the library that another frame is of.

    Args:
        table: The table.
        like: A frame of that library; for a path or a dict the result is the Arrow table itself.

    Example:
        >>> import polars
        >>> to_frame(pa.table({"load": [1.0]}), polars.DataFrame({"x": [1]})).columns
        ['load']
    """
    eager: Any = nw.from_native(_collect(like), pass_through=True)
    if not isinstance(eager, (nw.DataFrame, nw.Series)):
        return cast(Frame, table)
    frame: Frame = nw.from_arrow(table, backend=eager.implementation).to_native()
    return frame


def _collect(data: object) -> Any:
    """Return a data frame with its rows computed, if it is a lazy one."""
    if data is None:
        raise UserError("data is None: give a data frame, or the path of a file.")
    frame: Any = nw.from_native(data, pass_through=True)
    return frame.collect().to_native() if isinstance(frame, nw.LazyFrame) else data
