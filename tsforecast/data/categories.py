"""Categories of a series: decided on its training rows, and as inputs of a model."""

from dataclasses import replace

import numpy as np

from tsforecast.columns.categories import FIRST, MISSING, UNKNOWN, describe_unseen, unknown_category
from tsforecast.data.series import Series
from tsforecast.errors import UserError

NAIVE = ("persistence", "seasonal_naive", "stats", "zeroshot")  # models that read the targets alone
NO_CONTEXT = (*NAIVE, "dlinear", "nlinear", "patchtst", "patchtst_small")  # models that read histories alone


def fit_categories(series: Series, train: slice | np.ndarray) -> Series:
    """Return a series with the categories of its training rows; all others become unknown, with a note.

    Args:
        series: Coded by the categories of all its rows.
        train: The training rows, or whether each row is one.

    Raises:
        UserError: A later row has a category that the training rows do not have, and such are to be refused; or a
            column has no value in the training rows.
    """
    recipe, values, categories, notes = series.recipe, series.values, dict(series.categories), series.notes
    if recipe is None:
        return series
    for name, vocabulary in series.categories.items():
        column = series.column(name)
        kept = _trained_codes(column[train], name)
        if len(kept) == len(vocabulary):
            continue
        categories[name] = tuple(vocabulary[code - FIRST] for code in kept)
        new = np.full(FIRST + len(vocabulary), float(UNKNOWN))
        new[MISSING], new[kept] = np.nan, np.arange(len(kept)) + FIRST
        codes = to_inputs(column).astype(np.int64)
        rows = np.flatnonzero((codes >= FIRST) & (new[codes] == UNKNOWN))
        if len(rows):
            first = f"{vocabulary[codes[rows[0]] - FIRST]!r} at {series.time[rows[0]]}"
            if recipe.unknown_categories == "refuse":
                raise UserError(f"Column '{name}' has {first}, {unknown_category(categories[name])}")
            unseen = [vocabulary[code - FIRST] for code in np.unique(codes[rows])]
            notes += (describe_unseen(name, len(rows), unseen, first),)
        values = np.array(values) if values is series.values else values
        values[:, series.features.index(name)] = new[codes]
    stored = series.stored if values is series.values else None
    return replace(
        series, values=values, stored=stored, notes=notes, recipe=replace(recipe, categories=categories)
    )


def note_unused(series: Series, model: str, context: str = "none") -> Series:
    """Return a series with notes on inputs that a model does not use.

    Args:
        series: The series.
        model: Name of the model.
        context: Kind of the context.
    """
    notes = []
    if model in NAIVE and series.categories:
        notes.append(f"{model} does not use the categories of {', '.join(series.categories)}.")
    if model in NO_CONTEXT and context != "none":
        notes.append(f"{model} reads the window alone and does not use context={context}.")
    return replace(series, notes=(*series.notes, *notes)) if notes else series


def to_inputs(codes: np.ndarray) -> np.ndarray:
    """Return codes as a model reads them: a missing value has a code of its own.

    Example:
        >>> to_inputs(np.array([2.0, np.nan, 0.0])).tolist()
        [2.0, 1.0, 0.0]
    """
    array: np.ndarray = np.where(np.isnan(codes), float(MISSING), codes)
    return array


def _trained_codes(codes: np.ndarray, name: str) -> np.ndarray:
    """Return the codes of the categories that occur, rising."""
    present = np.unique(codes[~np.isnan(codes)]).astype(np.int64)
    if not len(present):
        raise UserError(
            f"Column '{name}' has no value in the training rows: leave it out of data.categorical, or move"
            " data.split."
        )
    return present[present >= FIRST]
