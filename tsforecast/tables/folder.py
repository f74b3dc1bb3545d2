"""Several files as one table: all are read by one recipe, and in the order of their times."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from tsforecast.columns.cells import is_text
from tsforecast.errors import UserError
from tsforecast.reading.dialect import Dialect
from tsforecast.tables.file import File
from tsforecast.tables.opening import open_file
from tsforecast.tables.table import Hints, Table
from tsforecast.tables.types import common_type, distinct_types

MARKS = {".": "decimal points", ",": "decimal commas"}
SEPARATORS = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars"}


@dataclass
class Part:
    """A file of a folder; it is opened again for every reading, so that many files take little memory.

    Args:
        file: The file.
        hints: How to read it.
        folders: Columns that the names of its folders state, with their values.
    """

    file: File
    hints: Hints
    folders: Mapping[str, str]

    def __post_init__(self) -> None:
        table = self.open()
        self.columns, self.repeated, self.dialect = table.columns, table.repeated, table.dialect
        self.undecided, self.notes = table.undecided, table.notes

    def open(self) -> Table:
        """Return the table of the file, with the columns of its folders."""
        table = open_file(self.file, self.hints)
        return WithFolders(table, self.folders) if self.folders else table


class WithFolders(Table):
    """A table with further columns that hold one text each."""

    def __init__(self, table: Table, folders: Mapping[str, str]):
        self._table, self._folders = table, folders
        self.label, self.repeated, self.dialect = table.label, table.repeated, table.dialect
        self.undecided, self.notes = table.undecided, table.notes
        self.columns = (*(name for name in table.columns if name not in folders), *folders)

    def head(self) -> pa.Table:
        """Return the first rows."""
        return self._extend(self._table.head(), self._folders)

    def pieces(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows, some at a time, with all columns or those named."""
        wanted = {name: self._folders[name] for name in self._folders if columns is None or name in columns}
        for piece in self._table.pieces(columns):
            yield self._extend(piece, wanted)

    def table(self) -> pa.Table:
        """Return all rows."""
        return self._extend(self._table.table(), self._folders)

    def _extend(self, rows: pa.Table, folders: Mapping[str, str]) -> pa.Table:
        for name, value in folders.items():
            text = pa.array([value or None], pa.string())
            column = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), rows.num_rows), text)
            rows = rows.drop_columns([name]) if name in rows.column_names else rows
            rows = rows.append_column(name, column.cast(pa.string()))
        return rows


class FolderTable(Table):
    """Several files, read one after the other.

    Args:
        label: What messages call them all.
        files: The files, in the order of their names.
        folders: For each file, the columns that the names of its folders state.
        hints: How to read them.
        notes: On files that were left out.

    Raises:
        UserError: A file is damaged, of another kind or written otherwise than the first.
    """

    def __init__(
        self,
        label: str,
        files: Sequence[File],
        folders: Sequence[Mapping[str, str]],
        hints: Hints,
        notes: tuple[str, ...] = (),
    ):
        self.label, self.lengths = label, (0,) * len(files)
        self.parts = [Part(file, hints, folder) for file, folder in zip(files, folders, strict=True)]
        self.dialect = self._agree_on_dialect(hints)
        self.undecided = tuple(dict.fromkeys(name for part in self.parts for name in part.undecided))
        self.columns = tuple(dict.fromkeys(name for part in self.parts for name in part.columns))
        self.repeated = tuple(dict.fromkeys(name for part in self.parts for name in part.repeated))
        self.columns = tuple(name for name in self.columns if name not in self.repeated)
        self.not_features = tuple(folders[0])
        layouts = tuple(dict.fromkeys(f"{part.file}: {note}" for part in self.parts for note in part.notes))
        self.lacking = {
            name: str(part.file) for part in self.parts for name in self.columns if name not in part.columns
        }
        count = "1 file" if len(files) == 1 else f"{len(files):,} files"
        self.notes = (
            f"{count} of {label} were read as one table."
            if len(files) > 1
            else f"{count} of {label} was read.",
            *notes,
            *layouts,
            *self._missing_notes(),
        )

    def head(self) -> pa.Table:
        """Return the first rows."""
        return next((head for part in self.parts if (head := part.open().head()).num_rows), self._empty())

    def pieces(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows file by file, some at a time, with all columns or those named."""
        for part in self.parts:
            yield from part.open().pieces(columns)

    def table(self) -> pa.Table:
        """Return all rows, file after file in the order of their names."""
        tables = [part.open().table() for part in self.parts]
        mixed = [name for name in self.columns if _is_mixed(name, tables)]
        if mixed:  # a value of one file is text: the others are read as text too, so that no digit is lost
            self.parts = [_as_text(part, mixed) for part in self.parts]
            tables = [part.open().table() for part in self.parts]
        self.lengths = tuple(table.num_rows for table in tables)
        return pa.concat_tables([self._align(table, tables) for table in tables])

    def locate(self, row: int) -> tuple[str, int]:
        """Return the file of a row of ``table()`` and its row there, both counted from 1."""
        for part, length in zip(self.parts, self.lengths, strict=True):
            if row <= length:
                return str(part.file), row
            row -= length
        return self.label, row

    def _empty(self) -> pa.Table:
        return pa.table({name: pa.array([], pa.null()) for name in self.columns})

    def _agree_on_dialect(self, hints: Hints) -> Dialect | None:
        """Return the dialect of all files; those that do not show the decimal mark are read by that of the others."""
        first, *others = self.parts
        for part in others:
            _check_kind(first, part)
        decided = [part for part in self.parts if part.dialect is not None and not part.undecided]
        marks = {part.dialect.decimal: part for part in reversed(decided) if part.dialect is not None}
        if len(marks) > 1:
            first, second = marks.values()
            raise UserError(
                f"data.path: {first.file} has {MARKS[first.dialect.decimal]} and {second.file}"  # type: ignore[union-attr]
                f" {MARKS[second.dialect.decimal]}: write them alike, or state data.decimal."  # type: ignore[union-attr]
            )
        if decided and decided[0].dialect is not None:
            known = replace(hints, dialect=decided[0].dialect)
            self.parts = [
                Part(part.file, known, part.folders) if part.undecided else part for part in self.parts
            ]
            return decided[0].dialect
        return first.dialect

    def _missing_notes(self) -> Iterator[str]:
        for name in self.columns:
            lacking = [str(part.file) for part in self.parts if name not in part.columns]
            if lacking:
                more = f" and {len(lacking) - 1:,} more" if len(lacking) > 1 else ""
                yield f"Column '{name}' is missing in {lacking[0]}{more}; its values count as missing there."

    def _align(self, table: pa.Table, tables: list[pa.Table]) -> pa.Table:
        """Return a table with the columns of all, in one order and of common types."""
        columns = []
        for name in self.columns:
            kind = common_type(distinct_types(name, tables))
            if kind is None:
                kinds = " and ".join(str(kind) for kind in distinct_types(name, tables)[:2])
                raise UserError(
                    f"data.path: column '{name}' of {self.label} is {kinds} in different files: write it alike in all."
                )
            missing = pa.chunked_array([pa.nulls(table.num_rows, kind)])
            columns.append(table[name].cast(kind) if name in table.column_names else missing)
        return pa.table(columns, names=list(self.columns))


def _check_kind(first: Part, part: Part) -> None:
    """Refuse a file that is of another kind, or separated otherwise."""
    if (part.dialect is None) != (first.dialect is None):
        kinds = ["CSV" if one.dialect else "Parquet" for one in (first, part)]
        raise UserError(
            f"data.path: {first.file} is {kinds[0]} and {part.file} {kinds[1]}: give files of one kind, as in"
            " data.path='folder/*.csv'."
        )
    if part.dialect and first.dialect and part.dialect.separator != first.dialect.separator:
        names = [SEPARATORS.get(one.separator, one.separator) for one in (first.dialect, part.dialect)]
        raise UserError(
            f"data.path: {first.file} is separated by {names[0]} and {part.file} by {names[1]}: write them alike."
        )


def _as_text(part: Part, names: Sequence[str]) -> Part:
    return replace(part, hints=replace(part.hints, text=(*part.hints.text, *names)))


def _is_mixed(name: str, tables: Sequence[pa.Table]) -> bool:
    """Return whether a column is text in one file and not in another."""
    text = [is_text(kind) for kind in distinct_types(name, tables)]
    return any(text) and not all(text)
