"""Scaler: standardization by the mean and standard deviation of the training rows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tsforecast.errors import UserError

# A spread below this share of the mean is rounding noise: dividing by it would blow the noise up.
CONSTANT = 1e-9


@dataclass(frozen=True)
class Scaler:
    """Standardize channels: ``(value - mean) / scale``.

    Args:
        mean: ``[C]`` float64 in the channels' units.
        scale: ``[C]`` float64, positive; 1 for a constant channel and for codes of categories.
        target_indices: the channels that are targets, in the targets' order.
    """

    mean: np.ndarray
    scale: np.ndarray
    target_indices: tuple[int, ...]

    @classmethod
    def fit(
        cls,
        rows: np.ndarray,
        features: Sequence[str],
        target_indices: Sequence[int],
        categories: Collection[str] = (),
    ) -> "Scaler":
        """Fit on the observed values of ``rows``.

        Args:
            rows: ``[N, C]``, the training rows alone, NaN where missing.
            features: the C names, for the error.
            target_indices: the columns that are targets.
            categories: features that are codes of categories, which are not scaled.

        Raises:
            UserError: if a feature has no observed value in ``rows``.
        """
        mean, scale = np.zeros(rows.shape[1]), np.ones(rows.shape[1])
        for index, name in enumerate(features):
            column = rows[:, index].astype(np.float64)  # one column at a time keeps the float64 copy small
            column = column[~np.isnan(column)]
            if not len(column):
                raise UserError(
                    f"Column '{name}' has no value in the training rows: leave it out with data.features,"
                    " or move data.split."
                )
            if name in categories:
                continue
            mean[index] = column.mean()
            spread = column.std()
            scale[index] = spread if spread > CONSTANT * abs(mean[index]) else 1.0
            if column.min() == column.max():
                mean[index], scale[index] = column[0], 1.0
        return cls(mean, scale, tuple(int(i) for i in target_indices))

    def transform(self, values: np.ndarray, index: int | None = None) -> np.ndarray:
        """Scale ``[..., C]`` (or, with ``index``, values of that one channel) in float64."""
        where = slice(None) if index is None else index
        array: np.ndarray = (np.asarray(values, np.float64) - self.mean[where]) / self.scale[where]
        return array

    def inverse_targets(self, scaled: np.ndarray, axis: int = -1) -> np.ndarray:
        """Return scaled targets in their own unit.

        Args:
            scaled: any shape with the T targets on ``axis``.
            axis: -1 for ``[..., T]``, -2 for quantiles ``[..., T, Q]``.

        Returns:
            The same shape, float64.
        """
        chosen = list(self.target_indices)
        shape = [1] * np.ndim(scaled)
        shape[axis] = len(chosen)
        scale, mean = self.scale[chosen].reshape(shape), self.mean[chosen].reshape(shape)
        array: np.ndarray = np.asarray(scaled, np.float64) * scale + mean
        return array

    def to_dict(self) -> dict[str, list[float]]:
        """Return plain lists that ``from_dict`` turns back into an equal scaler."""
        return {
            "mean": self.mean.tolist(),
            "scale": self.scale.tolist(),
            "target_indices": list(self.target_indices),
        }

    @classmethod
    def from_dict(cls, config: Mapping[str, Sequence[float]]) -> "Scaler":
        """Build the scaler that ``to_dict`` described."""
        mean, scale = (np.asarray(config[key], np.float64) for key in ("mean", "scale"))
        return cls(mean, scale, tuple(int(i) for i in config["target_indices"]))
