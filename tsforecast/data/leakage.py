"""Leak checks: of future covariates that reveal the target at the same time step, and of summaries of the past."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from tsforecast.context.summaries import Context
from tsforecast.data.calendar_features import CALENDAR, calendar
from tsforecast.data.categories import to_inputs
from tsforecast.data.series import Series
from tsforecast.errors import UserError, nearest
from tsforecast.storage.rows import chunks

LEAK_R2 = 0.95
MAX_ROWS = 50_000  # of training, evenly spaced: plenty for a fit with at most a few dozen columns
MAX_WITH_PRODUCTS = 12  # covariates; beyond, the joint fit takes them without their products
BINS = 64
CHECKED_ROWS = 16  # of the summaries of the past
LATER_ROWS = 256  # other values after such a row, which must not change its summaries


def check_future_covariates(
    series: Series, covariates: Sequence[str], train: slice | np.ndarray
) -> tuple[str, ...]:
    """Refuse future covariates that cannot be known ahead, and warn of declared ones that give the target away.

    The rule, on the training rows in which all values are observed: a covariate leaks when it explains more
    than 95 % of a target's variance at the same time (R², adjusted for the number of columns), alone by a
    straight line, by a straight line through ranks or by 64 bins, or in a pair or all together by least
    squares on the covariates and their pairwise products. Calendar features are functions of time and cannot
    leak. A covariate that leaks is refused unless the user declares it known ahead: a good forecast of the target is
    a warning then. Whatever else is not declared known ahead is refused as well, since at forecast time its
    value would not be there.

    Returns:
        A warning for each declared covariate, or set of them, that explains the target.

    Raises:
        UserError: naming the covariate, the target and R².
    """
    for name in covariates:
        if name not in series.features:
            raise UserError(
                f"data.future_covariates: there is no feature '{name}'.{nearest(name, series.features)}"
            )
        if name in series.targets:
            raise UserError(f"data.future_covariates: '{name}' is the target itself; leave it out.")
    suspects = [name for name in covariates if not _is_calendar(series, name)]
    warnings: list[str] = []
    if suspects:
        for target in series.targets:
            warnings += _check_target(series, suspects, target, train)
    unknown = [name for name in suspects if name not in series.known_ahead]
    if unknown:
        raise UserError(
            f"data.future_covariates: '{unknown[0]}' is not known ahead of time; leave it out, or, if it"
            f" truly is known (a plan, say), declare data.known_ahead=[{unknown[0]}]."
        )
    return tuple(warnings)


def check_context(
    context: Context, inputs: np.ndarray, past: np.ndarray, starts: np.ndarray | None = None
) -> None:
    """Check that summaries of rows depend on those rows and their history alone, at rows that are evenly spaced.

    They are computed again without the rows before the history, and with wild values in place of all later rows.

    Args:
        context: The context.
        inputs: Scaled and filled rows ``[N, C]``.
        past: Its summaries of these rows ``[N, K]``.
        starts: First row ``[S]`` of each of many series, which no summary may reach across; None for one.

    Raises:
        UserError: A summary of a row depends on other rows; the message names it.
    """
    later = np.where(np.arange(LATER_ROWS)[:, None] % 2, -1e3, 1e3).astype(inputs.dtype)
    for row in np.unique(np.linspace(0, len(inputs) - 1, CHECKED_ROWS).astype(np.int64)):
        first = 0 if starts is None else int(starts[np.searchsorted(starts, row, side="right") - 1])
        known = inputs[max(first, row - context.history) : row + 1]
        again = context.compute(np.concatenate([known, np.broadcast_to(later, (LATER_ROWS, known.shape[1]))]))
        differs = again[len(known) - 1] != past[row]
        if differs.any():
            name = context.names[int(differs.argmax())]
            raise UserError(
                f"context={context.kind}: '{name}' of row {row + 1} depends on later rows, or on more than the"
                f" {context.history:,} rows before it."
            )


def _check_target(series: Series, suspects: list[str], target: str, train: slice | np.ndarray) -> list[str]:
    columns = [series.features.index(name) for name in (*suspects, target)]
    rows = series.values[train]
    rows = rows[:: max(1, len(rows) // MAX_ROWS)][:, columns].astype(np.float64)
    coded = [index for index, name in enumerate(suspects) if name in series.categories]
    rows[:, coded] = to_inputs(rows[:, coded])
    rows = rows[~np.isnan(rows).any(axis=1)]
    for index in coded if len(rows) else ():
        rows[:, index] = _category_means(rows[:, index], rows[:, -1])
    spread = rows.std(axis=0)
    if len(rows) < 8 or spread[-1] == 0:
        return []
    rows = (rows - rows.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    x, y = rows[:, :-1], rows[:, -1]
    sets: list[tuple[int, ...]] = [(index,) for index in range(len(suspects))]
    sets += [*combinations(range(len(suspects)), 2), tuple(range(len(suspects)))]
    leaking: list[tuple[int, ...]] = []
    warnings = []
    for indices in sets:
        if any(set(smaller) <= set(indices) for smaller in leaking):
            continue  # its part has been reported
        columns = x[:, list(indices)]
        r2 = r2_together(columns, y)
        if len(indices) == 1:
            r2 = max(r2, r2_alone(columns[:, 0], y))
        if r2 > LEAK_R2:
            leaking.append(indices)
            warnings.append(_report_leak(series, [suspects[index] for index in indices], target, r2))
    return warnings


def _category_means(codes: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return in place of each code the mean of y over the rows of that category in the other half of the rows."""
    values, group = np.unique(codes, return_inverse=True)
    half, means, center = np.arange(len(y)) % 2, np.empty(len(y)), y.mean()
    for part in (0, 1):
        other, rows = half != part, half == part
        count = np.bincount(group[other], minlength=len(values))
        total = np.bincount(group[other], weights=y[other], minlength=len(values))
        means[rows] = np.where(count > 0, total / np.maximum(count, 1), center)[group[rows]]
    return means


def r2_alone(x: np.ndarray, y: np.ndarray) -> float:
    """Return the share of y's variance that x explains: the best of line, line through ranks, and bins."""
    return max(_r2_linear(x[:, None], y), _r2_linear(_ranks(x)[:, None], _ranks(y)), _r2_bins(x, y))


def r2_together(x: np.ndarray, y: np.ndarray) -> float:
    """Return the share that the columns of x explain by least squares, with products while they are few."""
    columns = x.shape[1]
    if columns <= MAX_WITH_PRODUCTS:
        products = [x[:, i] * x[:, j] for i in range(columns) for j in range(i, columns)]
        x = np.column_stack([x, *products])
    return _r2_linear(x, y)


def _r2_linear(x: np.ndarray, y: np.ndarray) -> float:
    design = np.column_stack([np.ones(len(y)), x])
    residual = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return _adjust_r2(float(residual @ residual), y, x.shape[1])


def _r2_bins(x: np.ndarray, y: np.ndarray) -> float:
    edges = np.unique(np.quantile(x, np.linspace(0, 1, BINS + 1)[1:-1]))
    group = np.searchsorted(edges, x, side="right")  # equal values share a bin, whatever their order in time
    count = np.bincount(group, minlength=len(edges) + 1)
    mean = np.bincount(group, weights=y, minlength=len(edges) + 1) / np.maximum(count, 1)
    residual = y - mean[group]
    return _adjust_r2(float(residual @ residual), y, int((count > 0).sum()) - 1)


def _adjust_r2(rest: float, y: np.ndarray, columns: int) -> float:
    """R² of a fit that left ``rest``, less what that many columns would explain by chance."""
    total = float(((y - y.mean()) ** 2).sum())
    free = len(y) - columns - 1
    return 1 - (rest / free) / (total / (len(y) - 1)) if free > 0 and total > 0 else 0.0


def _ranks(x: np.ndarray) -> np.ndarray:
    """Ranks with ties sharing their mean rank."""
    _, group, count = np.unique(x, return_inverse=True, return_counts=True)
    return (np.cumsum(count) - (count + 1) / 2)[group].astype(np.float64)


def _report_leak(series: Series, names: list[str], target: str, r2: float) -> str:
    """Return a warning if all covariates are declared known ahead, and refuse them otherwise."""
    listed = " and ".join(f"'{name}'" for name in names)
    verb = "gives" if len(names) == 1 else "together give"
    sentence = (
        f"{listed} {verb} the target '{target}' away at its own time (R² {r2:.3f} on the training rows, more than"
        f" {LEAK_R2})"
    )
    if all(name in series.known_ahead and name not in CALENDAR for name in names):
        return f"Warning: {sentence}: make sure that its values are known before the target is measured."
    raise UserError(f"data.future_covariates: {sentence}: leave out {listed}.")


def _is_calendar(series: Series, name: str) -> bool:
    """Whether a feature bears a calendar name and is what that name says."""
    if name not in CALENDAR:
        return False
    column = series.column(name)
    return all(
        np.allclose(column[rows], calendar(series.clock.local(series.time[rows]), (name,))[:, 0], atol=1e-6)
        for rows in chunks(0, len(series))
    )
