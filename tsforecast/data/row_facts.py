"""Facts about the columns of some rows, gathered in one pass over pieces of them."""

from dataclasses import dataclass

import numpy as np

from tsforecast.storage.rows import chunks


@dataclass(frozen=True)
class RowFacts:
    """Facts about each of C columns, over the values that are not NaN.

    Args:
        count: ``[C]`` number of values.
        low: ``[C]`` smallest value, NaN without any.
        high: ``[C]`` largest value, NaN without any.
    """

    count: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of_rows(cls, values: np.ndarray, border: tuple[int, int]) -> "RowFacts":
        """Return the facts about the rows within a border.

        Example:
            >>> RowFacts.of_rows(np.array([[1.0], [np.nan], [3.0]]), (0, 3)).is_constant.tolist()
            [False]
        """
        count = np.zeros(values.shape[1], np.int64)
        low, high = np.full((2, values.shape[1]), np.nan, values.dtype)
        for rows in chunks(*border):
            part = np.ascontiguousarray(values[rows].T)  # whose columns are reduced several times as fast
            count += (~np.isnan(part)).sum(axis=1)
            low = np.fmin(low, np.fmin.reduce(part, axis=1))
            high = np.fmax(high, np.fmax.reduce(part, axis=1))
        return cls(count, low, high)

    @property
    def is_constant(self) -> np.ndarray:
        """``[C]`` whether all values are equal."""
        array: np.ndarray = self.low == self.high
        return array


def moments(values: np.ndarray, border: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation ``[C]`` float64 of the values within a border that are not NaN.

    Columns are shifted by their first value, each piece is centered by its own mean before it is squared, and pieces
    are joined by the rule of Chan, Golub and LeVeque (1979): nothing is lost where the deviation is small compared
    with the mean.

    Example:
        >>> mean, deviation = moments(np.array([[1e9], [1e9 + 1], [np.nan]]), (0, 3))
        >>> mean.tolist(), deviation.tolist()
        ([1000000000.5], [0.5])
    """
    count, mean, squares = np.zeros((3, values.shape[1]))
    shift = np.full(values.shape[1], np.nan)
    for rows in chunks(*border):
        part = values[rows].astype(np.float64)
        missing = np.isnan(part)
        shift = np.where(np.isnan(shift), part[np.argmin(missing, axis=0), np.arange(len(shift))], shift)
        part -= np.nan_to_num(shift)
        part[missing] = 0.0
        number = len(part) - missing.sum(axis=0)
        center = part.sum(axis=0) / np.maximum(number, 1)
        part -= center
        part[missing] = 0.0
        difference, total = center - mean, count + number
        share = number / np.maximum(total, 1)
        mean = mean + difference * share
        squares = squares + np.einsum("ij,ij->j", part, part) + difference**2 * count * share
        count = total
    return np.nan_to_num(shift) + mean, np.sqrt(squares / np.maximum(count, 1))
