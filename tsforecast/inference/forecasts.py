"""What a model forecasts for a batch of windows, in the targets' unit; NumPy only."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from tsforecast.inference.metadata import ModelMetadata
from tsforecast.logistic import sigmoid

# What a model computes, scaled: ``forecast [n, H, T(, Q)]``; from some models the logits ``spike [n, H, T]`` and an
# ensemble's ``weights [n, M]`` and ``members [n, M, H, T(, Q)]``.
Outputs: TypeAlias = dict[str, np.ndarray]


class Forecasts(NamedTuple):
    """Forecasts of n windows in the targets' unit.

    Args:
        values: Point forecasts float64 ``[n, H, T]`` (the median of quantiles).
        low: Lower edge ``[n, H, T]`` of the model's own band: its lowest quantile, or the point forecast.
        high: Upper edge ``[n, H, T]``.
        quantiles: ``[n, H, T, Q]``, or None.
        spike: Probability of a spike ``[n, H, T]``, or None without a spike head.
        weights: An ensemble's weights of its members ``[n, M]``, or None.
        members: Scaled forecasts of the members ``[n, M, H, T(, Q)]`` if the weights follow the truths, else None.
        mean: Means of forecast distributions ``[n, H, T]``, or None.

    Example:
        >>> import numpy as np
        >>> values = np.array([[[1.0]], [[2.0]]])  # two windows, one step, one target
        >>> forecasts = Forecasts(values, values - 0.1, values + 0.1)
        >>> forecasts.select(slice(0, 1)).values.shape
        (1, 1, 1)
    """

    values: np.ndarray
    low: np.ndarray
    high: np.ndarray
    quantiles: np.ndarray | None = None
    spike: np.ndarray | None = None
    weights: np.ndarray | None = None
    members: np.ndarray | None = None
    mean: np.ndarray | None = None

    @classmethod
    def from_outputs(cls, outputs: Mapping[str, np.ndarray], metadata: ModelMetadata) -> "Forecasts":
        """Bring a model's scaled outputs into the targets' unit.

        Args:
            outputs: See ``Outputs``.
            metadata: Quantile levels and scaler of the model.
        """
        levels, scaler = metadata.quantile_levels, metadata.scaler
        quantiles = None
        if levels is None:
            values = low = high = scaler.inverse_targets(outputs["forecast"])
        else:
            quantiles = scaler.inverse_targets(outputs["forecast"], axis=-2)
            values, low, high = quantiles[..., levels.index(0.5)], quantiles[..., 0], quantiles[..., -1]
        logits = outputs.get("spike")
        return cls(
            values=values,
            low=low,
            high=high,
            quantiles=quantiles,
            spike=None if logits is None else spike_probability(logits.astype(np.float64)),
            weights=outputs.get("weights"),
            members=outputs.get("members"),
            mean=scaler.inverse_targets(outputs["mean"]) if "mean" in outputs else None,
        )

    @classmethod
    def concatenate(cls, parts: Sequence["Forecasts"]) -> "Forecasts":
        """Return the forecasts of several batches as one."""
        if len(parts) == 1:
            return parts[0]
        columns = zip(*parts, strict=True)
        return cls._make(None if column[0] is None else np.concatenate(column) for column in columns)

    def at_levels(self, indices: Sequence[int], band: Sequence[int]) -> "Forecasts":
        """Return the forecasts with some of their quantiles only.

        Args:
            indices: Which quantiles to keep.
            band: The two that are the edges of the model's own band.
        """
        if self.quantiles is None:
            return self
        low, high = (self.quantiles[..., index] for index in band)
        return self._replace(quantiles=self.quantiles[..., list(indices)], low=low, high=high)

    def select(self, rows: slice) -> "Forecasts":
        """Return the forecasts of some of the windows."""
        return Forecasts._make(None if column is None else column[rows] for column in self)


def spike_probability(logits: np.ndarray) -> np.ndarray:
    """Return the probability of a spike from its logit; the sigmoid, stable for large logits.

    Example:
        >>> float(spike_probability(np.array(0.0)))
        0.5
    """
    return sigmoid(logits)
