"""The source of later rows, which are in files or in a database."""

from tsforecast.tables.file_source import FileSource
from tsforecast.tables.locations import find_files
from tsforecast.tables.query import QuerySource
from tsforecast.tables.table import Source, naming_predict_keys


def find_source(data: str, connection: str | None) -> Source:
    """Return where the rows of ``predict.data`` come from, after looking whether they are there.

    Args:
        data: Path of a file or folder, pattern or URL; or a query.
        connection: URL of the database of the query; None for files.

    Raises:
        UserError: There is no such file, or the query fails.
    """
    with naming_predict_keys():
        if connection is None:
            find_files(data)
            return FileSource(data)
        query = QuerySource(connection, data)
        query.open()
        return query
