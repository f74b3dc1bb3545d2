"""The shape of a forecasting task, which every model is built for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tsforecast.columns.categories import FIRST
from tsforecast.context.summaries import CONTEXT
from tsforecast.typing import Tensor

if TYPE_CHECKING:
    from tsforecast.data.dataset import ForecastDataset


@dataclasses.dataclass(frozen=True)
class Task:
    """The inputs and outputs of a model.

    Args:
        lookback: L, number of input steps.
        channels: C, number of input channels.
        lead: Steps from the last input step to the first forecast step.
        horizon: H, number of forecast steps.
        target_indices: The T channels to forecast.
        season: Steps in a season (usually a day).
        quantile_levels: Q rising levels that include 0.5, or None for a point forecast.
        category_of: For each channel, the index of the categorical feature whose codes it holds, -1 for numbers;
            empty if all channels hold numbers.
        category_counts: Number of codes of each categorical feature, see ``columns.categories``.
        context_channels: Channels that summarize the rows up to each step, see ``context.summaries``.
        future_channels: Channels that hold a covariate at the times of the targets: H for the first of them, one for
            each step of the horizon, then H for the next.
        static_channels: Channels that are constant within each series.
        distribution: Description of the distribution that the model forecasts, see ``layers.distributions``, or None.
            Tasks with another one are equal: their models have the same quantiles.

    Models of earlier versions do not state future and static channels, which therefore count neither.

    Example:
        >>> task = Task(lookback=100, channels=3, lead=10, horizon=1, target_indices=(0,))
        >>> task.head_arguments()
        {'horizon': 1, 'targets': 1, 'quantile_levels': None}
    """

    lookback: int
    channels: int
    lead: int
    horizon: int
    target_indices: tuple[int, ...]
    season: int = 1
    quantile_levels: tuple[float, ...] | None = None
    category_of: tuple[int, ...] = ()
    category_counts: tuple[int, ...] = ()
    context_channels: tuple[int, ...] = ()
    future_channels: tuple[int, ...] = dataclasses.field(default=(), compare=False)
    static_channels: tuple[int, ...] = dataclasses.field(default=(), compare=False)
    distribution: dict[str, Any] | None = dataclasses.field(default=None, compare=False)

    @classmethod
    def from_dataset(
        cls,
        dataset: ForecastDataset,
        quantile_levels: Sequence[float] | None = None,
        distribution: Mapping[str, Any] | None = None,
    ) -> Task:
        """Return the task of forecasting a dataset's targets in its windows.

        Args:
            dataset: The data.
            quantile_levels: Rising levels that include 0.5, or None for a point forecast.
            distribution: Description of a distribution without the scaling of the targets, which is added.
        """
        if distribution is not None:
            scaled = [dataset.scaler.describe_channel(index) for index in dataset.target_indices]
            distribution = {**distribution, "channels": scaled}
        categories = dataset.series.categories
        order = {name: index for index, name in enumerate(categories)}
        panel = dataset.series.panel
        constant = () if panel is None else panel.constant
        return cls(
            lookback=dataset.window["lookback"],
            channels=len(dataset.channels),
            lead=dataset.window["lead"],
            horizon=dataset.window["horizon"],
            target_indices=dataset.target_indices,
            season=dataset.series.season,
            quantile_levels=None if quantile_levels is None else tuple(quantile_levels),
            category_of=tuple(order.get(name, -1) for name in dataset.channel_features) if order else (),
            category_counts=tuple(FIRST + len(values) for values in categories.values()),
            context_channels=tuple(i for i, name in enumerate(dataset.channels) if CONTEXT in name),
            future_channels=dataset.future_channels,
            static_channels=tuple(dataset.series.features.index(name) for name in constant),
            distribution=None if distribution is None else dict(distribution),
        )

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Task:
        """Rebuild a task from JSON, which stores its tuples as lists."""
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()
        }
        return cls(**values)

    def input_tensor(self) -> Tensor:
        """Return the symbolic input of a network, ``[B, L, C]``."""
        import keras

        return keras.Input((self.lookback, self.channels), name="past")

    @property
    def number_channels(self) -> list[int]:
        """The channels that hold numbers rather than codes of categories."""
        return [
            index for index in range(self.channels) if not self.category_of or self.category_of[index] < 0
        ]

    @property
    def sequence_channels(self) -> list[int]:
        """The channels that hold numbers of their own step, without summaries of earlier rows."""
        return [index for index in self.number_channels if index not in self.context_channels]

    @property
    def category_channels(self) -> list[int]:
        """The channels that hold codes of categories."""
        return [index for index, category in enumerate(self.category_of) if category >= 0]

    def head_arguments(self) -> dict[str, Any]:
        """Return the arguments that a ``ForecastHead`` takes from the task."""
        arguments = {
            "horizon": self.horizon,
            "targets": len(self.target_indices),
            "quantile_levels": self.quantile_levels,
        }
        return arguments if self.distribution is None else {**arguments, "distribution": self.distribution}

    @property
    def points(self) -> int | None:
        """Numbers on the last axis of what a head computes that are values of the series; None if all are."""
        if self.distribution is None:
            return None
        from tsforecast.layers.distributions import create_distribution

        return create_distribution(self.distribution).points
