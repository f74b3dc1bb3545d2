"""Losses that train forecast distributions: negative log-likelihoods, and implicit quantiles.

The model forecasts the parameters of a distribution for each step and target, and from them the quantiles at the stated
levels; see ``layers.distributions``.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from tsforecast.layers.distributions import create_distribution
from tsforecast.losses import Loss, Quantile
from tsforecast.models.task import Task
from tsforecast.options import Range
from tsforecast.typing import Tensor


class DistributionLoss(Loss):
    """Base class: the loss of a forecast distribution, in scaled units.

    Args:
        quantile_levels: Rising levels in (0, 1) that include 0.5, of the quantiles that the model also returns.
    """

    name: ClassVar[str]

    def __init__(self, quantile_levels: list[float]):
        super().__init__(quantile_levels)

    @property
    def distribution(self) -> dict[str, Any]:
        """Description of the distribution, without the scaling of the targets."""
        return {"name": self.name}

    def for_task(self, task: Task) -> Loss:
        """Return the loss of a task's distribution; of a model without one (an ensemble) that of its quantiles."""
        if task.distribution is None:
            return Quantile(list(task.quantile_levels or self.quantile_levels or ()))
        return _TaskLoss(task)

    def __call__(self, truth: Tensor, forecast: Tensor, spike: Tensor = None) -> Tensor:
        """Refuse: the loss depends on the task, see ``for_task``."""
        raise NotImplementedError("Call for_task first: the loss depends on how the targets are scaled.")


class _TaskLoss(Loss):
    """The loss of the distribution of one task; its forecast is the parameters ``[..., H, T, P]``."""

    def __init__(self, task: Task):
        super().__init__(list(task.quantile_levels or ()))
        self.parametric = create_distribution(task.distribution or {})

    def select(self, output: Tensor) -> Tensor:
        """Return the parameters."""
        return output["parameters"] if isinstance(output, dict) else output

    def __call__(self, truth: Tensor, forecast: Tensor, spike: Tensor = None) -> Tensor:
        """Return the loss of each element, of ``truth``'s shape."""
        return self.parametric.loss(forecast, truth)


class Normal(DistributionLoss):
    """The negative log-likelihood of a normal distribution.

    Example:
        >>> from keras import ops
        >>> task = Task(4, 1, 1, 1, (0,), quantile_levels=(0.5,), distribution={"name": "normal"})
        >>> loss = Normal([0.5]).for_task(task)
        >>> loss(ops.zeros(1), ops.convert_to_tensor([[0.0, 1.0]])).numpy().round(4).tolist()
        [0.9189000129699707]
    """

    name = "normal"


class StudentT(DistributionLoss):
    """The negative log-likelihood of Student's t distribution, whose tails are heavier."""

    name = "student_t"


class NegativeBinomial(DistributionLoss):
    """The negative log-likelihood of a negative binomial distribution, for targets that are counts."""

    name = "negative_binomial"


class Mixture(DistributionLoss):
    """The negative log-likelihood of a mixture of normal distributions.

    Args:
        quantile_levels: See ``DistributionLoss``.
        components: Number of normal distributions.
    """

    name = "mixture"

    def __init__(self, quantile_levels: list[float], components: Annotated[int, Range(2, 64)] = 3):
        super().__init__(quantile_levels)
        self.components = components

    @property
    def distribution(self) -> dict[str, Any]:
        """Description of the distribution."""
        return {"name": self.name, "components": self.components}


class ImplicitQuantile(DistributionLoss):
    """Twice the mean pinball loss at random levels, which estimates the CRPS; the model learns all levels.

    Args:
        quantile_levels: See ``DistributionLoss``.
        width: Width of the embedding of a level.
    """

    name = "implicit_quantile"

    def __init__(self, quantile_levels: list[float], width: Annotated[int, Range(1, 4096)] = 16):
        super().__init__(quantile_levels)
        self.width = width

    @property
    def distribution(self) -> dict[str, Any]:
        """Description of the distribution."""
        return {"name": self.name, "width": self.width}
