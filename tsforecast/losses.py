"""Element-wise losses on ``keras.ops``, in scaled units.

A loss maps truth ``[..., H, T]`` and forecast ``[..., H, T]`` (with quantile levels ``[..., H, T, Q]``) to a loss of
the truth's shape. For a model that forecasts quantiles, all losses except the pinball loss score the median. Masking
and averaging are left to the trainer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from keras import ops

from tsforecast.options import Range
from tsforecast.typing import Tensor

if TYPE_CHECKING:
    from tsforecast.models.task import Task


class Loss:
    """Base class of all losses.

    Args:
        quantile_levels: Rising levels in (0, 1) that include 0.5, or None for a point forecast.
    """

    def __init__(self, quantile_levels: list[float] | None = None):
        self.quantile_levels = quantile_levels

    needs_spikes: ClassVar[bool] = False

    @property
    def distribution(self) -> dict[str, Any] | None:
        """Description of the distribution that the loss trains, see ``layers.distributions``; usually None."""
        return None

    def for_task(self, task: Task) -> Loss:
        """Return the loss for the outputs of a model with this task."""
        return self

    def select(self, output: Tensor) -> Tensor:
        """Return what the loss reads of a model's output."""
        return output["forecast"] if isinstance(output, dict) else output

    def __call__(self, truth: Tensor, forecast: Tensor, spike: Tensor = None) -> Tensor:
        """Return the loss of each element, of ``truth``'s shape; ``spike`` marks the spikes, if they are known."""
        return self.pointwise(truth - self.point(forecast))

    def point(self, forecast: Tensor) -> Tensor:
        """Return the median of a quantile forecast, or a point forecast unchanged."""
        return forecast if self.quantile_levels is None else forecast[..., self.quantile_levels.index(0.5)]

    def pointwise(self, error: Tensor) -> Tensor:
        """Return the loss of each error."""
        raise NotImplementedError


class SquaredError(Loss):
    """The squared error ``e^2``.

    Example:
        >>> SquaredError().pointwise(ops.convert_to_tensor([1.0, -2.0])).numpy().tolist()
        [1.0, 4.0]
    """

    def pointwise(self, error: Tensor) -> Tensor:
        """Return the squared errors."""
        return ops.square(error)


class AbsoluteError(Loss):
    """The absolute error ``|e|``.

    Example:
        >>> AbsoluteError().pointwise(ops.convert_to_tensor([1.0, -2.0])).numpy().tolist()
        [1.0, 2.0]
    """

    def pointwise(self, error: Tensor) -> Tensor:
        """Return the absolute errors."""
        return ops.abs(error)


class Huber(Loss):
    """``e^2 / 2`` up to ``delta``, ``delta (|e| - delta / 2)`` beyond.

    Args:
        delta: Error at which the loss turns linear, in scaled units, > 0.
        quantile_levels: Levels of the forecast, see ``Loss``.

    Source: Huber (1964), Robust Estimation of a Location Parameter.

    Example:
        >>> Huber(delta=1.0).pointwise(ops.convert_to_tensor([1.0, -3.0])).numpy().tolist()
        [0.5, 2.5]
    """

    def __init__(
        self, delta: Annotated[float, Range(1e-9)] = 1.0, quantile_levels: list[float] | None = None
    ):
        super().__init__(quantile_levels)
        self.delta = delta

    def pointwise(self, error: Tensor) -> Tensor:
        """Return the Huber loss of each error."""
        size = ops.abs(error)
        return ops.where(size <= self.delta, 0.5 * ops.square(error), self.delta * (size - 0.5 * self.delta))


class SpikeWeighted(Loss):
    """``w e^2``, where w is ``weight`` if the truth is a spike, and 1 if not.

    The weights are not normalized within a batch: the divisor of the mean stays fixed, which makes the gradient of a
    batch the mean over its parts. The loss is therefore about ``1 + share * (weight - 1)`` times a squared error,
    where ``share`` is the share of spikes.

    Args:
        weight: Weight of a spike, above 0.
        quantile_levels: Levels of the forecast, see ``Loss``.

    Raises:
        ValueError: ``weight`` is not above 0; or, on a call, ``spike`` is missing.

    Example:
        >>> truth, spike = ops.convert_to_tensor([2.0, 2.0]), ops.convert_to_tensor([True, False])
        >>> SpikeWeighted(weight=3.0)(truth, ops.zeros(2), spike).numpy().tolist()
        [12.0, 4.0]
    """

    needs_spikes = True

    def __init__(
        self, weight: Annotated[float, Range(1e-9, 1e6)] = 3.0, quantile_levels: list[float] | None = None
    ):
        super().__init__(quantile_levels)
        if not weight > 0:
            raise ValueError(f"weight={weight} is out of range: it must be above 0.")
        self.weight = weight

    def __call__(self, truth: Tensor, forecast: Tensor, spike: Tensor = None) -> Tensor:
        """Return the loss of each element, of the shape of ``truth`` and ``spike``."""
        if spike is None:
            raise ValueError("The spike-weighted loss needs to know which truths are spikes.")
        squared = ops.square(truth - self.point(forecast))
        return ops.where(spike, self.weight * squared, squared)


class Quantile(Loss):
    """The pinball loss ``max(q e, (q - 1) e)``, averaged over the levels.

    Args:
        quantile_levels: Rising levels in (0, 1) that include 0.5.

    Source: Koenker & Bassett (1978), Regression Quantiles.

    Example:
        >>> loss = Quantile([0.1, 0.5, 0.9])
        >>> loss(ops.ones((1,)), ops.zeros((1, 3))).numpy().tolist()  # too low for all three levels
        [0.5]
    """

    def __init__(self, quantile_levels: list[float]):
        super().__init__(quantile_levels)

    def __call__(self, truth: Tensor, forecast: Tensor, spike: Tensor = None) -> Tensor:
        """Return the loss of each element, of ``truth``'s shape."""
        levels = ops.convert_to_tensor(self.quantile_levels, dtype=forecast.dtype)
        error = truth[..., None] - forecast
        return ops.mean(ops.maximum(levels * error, (levels - 1.0) * error), axis=-1)
