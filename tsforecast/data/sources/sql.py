"""The rows of a database query as a series."""

from collections.abc import Sequence
from typing import Any

from tsforecast.data.series import Series
from tsforecast.data.sources.options import TableOptions
from tsforecast.data.sources.panel_table import load_series
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.tables.query import QuerySource


def load(
    connection: str,
    query: str,
    target: str | Sequence[str],
    recipe: ReadingRecipe | None = None,
    **options: Any,
) -> Series:
    """Run a query; every numeric column is a feature, and whatever was corrected is noted.

    Args:
        connection: URL of a PostgreSQL server, a SQLite file or a DuckDB file, without a password, which is read
            from the environment or a file; ``duckdb://`` alone for files that the query names; or ``env:NAME`` for
            an environment variable with the URL.
        query: One statement that only reads.
        target: A column, a list of columns, or ``"all"``.
        recipe: How the training data were read, to read these data in the same way; None to decide.
        **options: Those of ``TableOptions``.

    Raises:
        UserError: As ``QuerySource.open`` and ``load_table``.
    """
    return load_series(QuerySource(connection, query), TableOptions(target=target, **options), recipe)
