"""From a table to a series, in memory or, for a table that does not fit into it, in a cache of files."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pyarrow as pa

from tsforecast.data.series import Series
from tsforecast.data.sources.options import TableOptions
from tsforecast.data.sources.panel_table import load_series
from tsforecast.data.sources.stream import write_rows
from tsforecast.data.sources.table import read_table
from tsforecast.data.stored_series import SeriesWriter, digest, store_series
from tsforecast.errors import UserError
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.reading.selection import Condition
from tsforecast.storage.content import content_hash
from tsforecast.storage.memory import system_memory
from tsforecast.tables.file_source import FileSource
from tsforecast.tables.table import NO_HINTS, Hints, Source, Table

HEAD_ROWS = 262_144  # rows that decide how the others are read
MAX_HEAD_ROWS = 4 * HEAD_ROWS  # rows among which they are looked for
MAX_SHARE = 0.5  # of the available memory that a series may take before it goes to the cache
CSV_FACTOR = 5.0  # bytes in memory while a series is prepared, per byte of text
COMPRESSED_FACTOR = 30.0
NEED_MEMORY = ("categorical", "resample", "timezone")
CELL_BYTES = 48.0  # the same per cell of a Parquet file


def load_source(source: Source, options: TableOptions, recipe: ReadingRecipe | None = None) -> Series:
    """Read a table, see ``load_table``; one that takes too much memory is read in pieces into the cache.

    Args:
        source: Where the table comes from.
        options: Which rows and columns to use, how to read them, and whether to use the cache.
        recipe: How the training data were read, to read these data in the same way; None to decide.

    Raises:
        UserError: As ``load_table``; or the cache cannot be used for this table, or not be written.
    """
    if options.is_panel or not _uses_cache(source, options):
        return load_series(source, options, recipe)
    return load_in_pieces(source, options, recipe)


def load_in_pieces(source: Source, options: TableOptions, recipe: ReadingRecipe | None = None) -> Series:
    """Read a file in pieces into the cache, or find it there.

    The first rows decide how the file is read; a later row that does not fit is refused.
    """
    if not isinstance(source, FileSource) or not Path(source.path).expanduser().is_file():
        raise UserError("data.cache=true is for one file on this machine: set data.cache=false.")
    for name in NEED_MEMORY:
        if getattr(options, name):
            raise UserError(f"data.{name} needs all rows in memory: leave it out, or set data.cache=false.")
    folder = cache_folder(options.cache_folder)
    head, _ = read_table(Head(source, options.where), replace(options, rows=None), recipe)
    path = Path(source.path).expanduser()
    about = {name: value for name, value in asdict(options).items() if not name.startswith("cache")}
    how = head.recipe.to_dict() if head.recipe else None
    _check_grid(head)
    key = digest(content=content_hash(path, folder), recipe=how, features=head.features, options=about)

    def write(writer: SeriesWriter) -> Series:
        print(f"Writing {path.name} to the cache {folder}.", flush=True)
        try:
            return write_rows(writer, source, head, options)
        except UserError as error:
            raise UserError(
                f"{error} (Of a file in the cache, the first {HEAD_ROWS:,} rows decide how it is read;"
                " data.cache=false decides by all rows.)"
            ) from None

    series = store_series(folder, key, write)
    return replace(series, name=source.name)


def _check_grid(head: Series) -> None:
    """Refuse rows that cannot be put on their grid piece by piece."""
    recipe = head.recipe
    if recipe and (
        recipe.categories or recipe.time.timezone or head.grid.exact or head.grid.step.is_calendar
    ):
        raise UserError(
            "The cache is for steps of equal length, without categories, time zones and resampling: set"
            " data.cache=false."
        )


def cache_folder(folder: str | None) -> Path:
    """Return the folder of the cache: the one that is stated, or ``tsforecast`` in the user's folder of caches."""
    if folder:
        return Path(folder).expanduser()
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "tsforecast"


def _uses_cache(source: Source, options: TableOptions) -> bool:
    if options.cache not in (True, False, "auto"):
        raise UserError(f"data.cache is {options.cache!r}: write auto, true or false.")
    if options.cache != "auto" or not isinstance(source, FileSource):
        return options.cache is True
    path = Path(source.path).expanduser()
    if not path.is_file():
        return False
    return needed_bytes(source, path.stat().st_size) > MAX_SHARE * system_memory()[1]


def needed_bytes(source: FileSource, size: int) -> float:
    """Estimate the memory that a file takes while its series is prepared.

    Args:
        source: The file.
        size: Its bytes.
    """
    if size * COMPRESSED_FACTOR < 1 << 28:
        return size * COMPRESSED_FACTOR
    table = source.open()
    if table.rows is not None:
        return table.rows * len(table.columns) * CELL_BYTES
    with open(Path(source.path).expanduser(), "rb") as file:
        text = b"\0" not in file.read(1024)
    return size * (CSV_FACTOR if text else COMPRESSED_FACTOR)


class Head:
    """The first rows of a table as a table.

    Args:
        source: The table.
        where: Condition that selects rows; None for all.
    """

    def __init__(self, source: Source, where: str | None):
        self.source, self.where = source, where

    @property
    def name(self) -> str:
        """Name of the series."""
        return self.source.name

    def open(self, hints: Hints = NO_HINTS) -> Table:
        """Open the table."""
        return HeadTable(self.source.open(hints), self.where)


class HeadTable(Table):
    """The first rows of an open table that fulfil a condition.

    Args:
        opened: The table.
        where: The condition; None for none.
    """

    def __init__(self, opened: Table, where: str | None):
        self._opened = opened
        self._condition = Condition.parse(where) if where else None
        for name in ("key", "label", "columns", "repeated", "dialect", "undecided", "not_features", "notes"):
            setattr(self, name, getattr(opened, name))

    def head(self) -> pa.Table:
        """Return the first rows."""
        return self._opened.head()

    def pieces(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows, some at a time, with all columns or those named."""
        rows = selected = 0
        for piece in self._opened.pieces(columns):
            yield piece
            rows += piece.num_rows
            selected += piece.num_rows if self._condition is None else self._condition.select(piece).num_rows
            if selected >= HEAD_ROWS or rows >= MAX_HEAD_ROWS:
                return

    def table(self) -> pa.Table:
        """Return all rows, with one type for each column."""
        pieces = list(self.pieces())
        if not pieces:
            return self._opened.head().slice(0, 0)
        return pa.concat_tables([_as_text(piece, pieces[-1].schema) for piece in pieces])


def _as_text(piece: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return a piece with the types of the last one, in which a column may have become text."""
    return piece if piece.schema.equals(schema) else piece.cast(schema)
