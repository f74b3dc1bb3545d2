"""Element-wise losses on ``keras.ops``, in scaled units.

A loss maps truth ``[..., H, T]`` and forecast ``[..., H, T]`` (with quantile levels ``[..., H, T, Q]``) to a loss of
the truth's shape. Of a model that forecasts quantiles, all but the pinball loss score the median. Masking and the mean
belong to the trainer.
"""

from typing import Annotated, Any, ClassVar

from keras import ops

from tsforecast.options import Range


class Loss:
    """Base of all losses.

    Args:
        quantile_levels: rising levels in (0, 1) that include 0.5, or None for a point forecast.
    """

    def __init__(self, quantile_levels: list[float] | None = None):
        self.quantile_levels = quantile_levels

    needs_spikes: ClassVar[bool] = False

    def __call__(self, truth: Any, forecast: Any, spike: Any = None) -> Any:
        """Returns the loss of each element, of ``truth``'s shape; ``spike`` says which are spikes, where known."""
        return self.pointwise(truth - self.point(forecast))

    def point(self, forecast: Any) -> Any:
        """The median of a quantile forecast; a point forecast as it is."""
        return forecast if self.quantile_levels is None else forecast[..., self.quantile_levels.index(0.5)]

    def pointwise(self, error: Any) -> Any:
        """The loss of an error."""
        raise NotImplementedError


class SquaredError(Loss):
    """``e^2``."""

    def pointwise(self, error: Any) -> Any:
        """See ``Loss.pointwise``."""
        return ops.square(error)


class AbsoluteError(Loss):
    """``|e|``."""

    def pointwise(self, error: Any) -> Any:
        """See ``Loss.pointwise``."""
        return ops.abs(error)


class Huber(Loss):
    """``e^2 / 2`` up to ``delta``, ``delta (|e| - delta / 2)`` beyond.

    Args:
        delta: where the loss turns linear, in scaled units, > 0.
        quantile_levels: see ``Loss``.

    Source: Huber (1964), Robust Estimation of a Location Parameter.
    """

    def __init__(
        self, delta: Annotated[float, Range(1e-9)] = 1.0, quantile_levels: list[float] | None = None
    ):
        super().__init__(quantile_levels)
        self.delta = delta

    def pointwise(self, error: Any) -> Any:
        """See ``Loss.pointwise``."""
        size = ops.abs(error)
        return ops.where(size <= self.delta, 0.5 * ops.square(error), self.delta * (size - 0.5 * self.delta))


class SpikeWeighted(Loss):
    """``w e^2``, where w is ``weight`` if the truth is a spike, and 1 if not.

    The weights are not normalised within a batch: the mean's divisor stays fixed, so that a batch's gradient is the
    mean over its parts. The loss is therefore about ``1 + share * (weight - 1)`` times a squared error's.

    Args:
        weight: of a spike, above 0.
        quantile_levels: see ``Loss``.

    Raises:
        ValueError: ``weight`` is not above 0; on a call without ``spike``.
    """

    needs_spikes = True

    def __init__(
        self, weight: Annotated[float, Range(1e-9, 1e6)] = 3.0, quantile_levels: list[float] | None = None
    ):
        super().__init__(quantile_levels)
        if not weight > 0:
            raise ValueError(f"weight={weight} is out of range: it must be above 0.")
        self.weight = weight

    def __call__(self, truth: Any, forecast: Any, spike: Any = None) -> Any:
        """Returns the loss of each element, of ``truth``'s shape, which is ``spike``'s too."""
        if spike is None:
            raise ValueError("The spike-weighted loss needs to be told which truths are spikes.")
        squared = ops.square(truth - self.point(forecast))
        return ops.where(spike, self.weight * squared, squared)


class Quantile(Loss):
    """The pinball loss ``max(q e, (q - 1) e)``, averaged over the levels.

    Source: Koenker & Bassett (1978), Regression Quantiles.
    """

    def __init__(self, quantile_levels: list[float]):
        super().__init__(quantile_levels)

    def __call__(self, truth: Any, forecast: Any, spike: Any = None) -> Any:
        """Returns the loss of each element, of ``truth``'s shape."""
        levels = ops.convert_to_tensor(self.quantile_levels, dtype=forecast.dtype)
        error = truth[..., None] - forecast
        return ops.mean(ops.maximum(levels * error, (levels - 1.0) * error), axis=-1)
