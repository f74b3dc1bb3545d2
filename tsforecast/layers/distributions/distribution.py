"""What all forecast distributions have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from keras import ops

from tsforecast.layers.unit_scaling import Channel
from tsforecast.typing import Tensor

MIN_SCALE = (
    1e-3  # scaled; a sharper forecast of a quiet series would be certain of what the next row can refute
)


class Distribution:
    """A parametric distribution of each target at each step, in scaled units.

    A head computes ``size`` numbers for each step and target. The first ``points`` of them are values of the series, as
    quantiles are: ``groups`` locations, then as many points above them. Whatever moves or stretches a forecast (the
    anchor, instance normalization, rules) treats them so; the ``free`` numbers after them stay as they are.

    Densities are those of scaled values. A curve (``scaling=asinh`` or ``log1p``) rises, so quantiles keep their
    meaning when they are brought to the target's unit. A mean does not, and is then not available.

    Args:
        channels: How each of the T targets is scaled, see ``Scaler.describe_channel``; none if that is not needed.

    Attributes:
        name: Name of the loss that trains it.
        groups: Number of locations, each with a point above it.
        free: Number of further numbers.
    """

    name: ClassVar[str]
    groups: int = 1
    free: int = 0

    def __init__(self, channels: Sequence[Channel] = ()):
        self.channels = list(channels)

    @property
    def points(self) -> int:
        """Numbers of a head that are values of the series."""
        return 2 * self.groups

    @property
    def size(self) -> int:
        """Numbers of a head for each step and target."""
        return self.points + self.free

    @property
    def has_mean(self) -> bool:
        """Whether the mean in the target's unit is available."""
        return all(channel["method"] == "linear" for channel in self.channels)

    def arrange(self, raw: Tensor) -> Tensor:
        """Return free numbers ``[..., size]`` with each upper point above its location."""
        location, rise = raw[..., : self.groups], raw[..., self.groups : self.points]
        upper = location + ops.softplus(rise)
        return ops.concatenate([location, upper, raw[..., self.points :]], axis=-1)

    def split(self, arranged: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return locations, scales (positive) and free numbers of what a model computes ``[..., size]``."""
        location = arranged[..., : self.groups]
        # Rules and trust may pull the points together, so the difference is kept from below 0.
        scale = ops.maximum(arranged[..., self.groups : self.points] - location, 0.0) + MIN_SCALE
        return location, scale, arranged[..., self.points :]

    def parameters(self, arranged: Tensor) -> Tensor:
        """Return the parameters ``[..., P]`` from what a model computes ``[..., size]``."""
        return ops.concatenate(self.split(arranged)[: 2 if not self.free else 3], axis=-1)

    def loss(self, parameters: Tensor, truth: Tensor) -> Tensor:
        """Return what training minimizes for scaled truths ``[...]``: the negative log density, of their shape."""
        return -self.log_density(parameters, truth)

    def log_density(self, parameters: Tensor, truth: Tensor) -> Tensor:
        """Return the log density of scaled truths ``[...]``, of their shape."""
        raise NotImplementedError

    def quantiles(self, parameters: Tensor, levels: Sequence[float]) -> Tensor:
        """Return the scaled quantiles ``[..., Q]`` at rising levels in (0, 1)."""
        raise NotImplementedError

    def mean(self, parameters: Tensor) -> Tensor:
        """Return the scaled value ``[...]`` of the mean; only if ``has_mean``."""
        return parameters[..., 0]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values from which ``create_distribution`` builds an equal one."""
        return {"name": self.name, "channels": [dict(channel) for channel in self.channels]}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Distribution:
        """Build what ``to_dict`` described."""
        return cls(**{key: value for key, value in fields.items() if key != "name"})
