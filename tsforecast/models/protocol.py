"""The interface that all forecasters share: Keras networks (``Forecaster``) and others (``Estimator``)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypedDict

if TYPE_CHECKING:
    from tsforecast.models.task import Task


class ParameterRow(TypedDict):
    """One row of the parameter table: a layer of a network, or one booster of an ensemble of trees."""

    layer: str
    shape: str
    params: int


class Model(Protocol):
    """A forecaster, whichever way it is trained.

    Jobs, evaluation, inference and serving rely on this interface only. ``inference.predict.forecast`` computes the
    forecasts of any model, ``models.io`` saves and loads it.

    Attributes:
        task: The inputs and outputs of the model.
        options: The model's own arguments, as saved in its file.
        metadata: Names, units and scaling of the data, and what else the file needs to be used alone.
        nominal_params: Parameters expected at the default widths, shown next to the real count; None if not stated.
    """

    task: Task
    options: dict[str, Any]
    metadata: dict[str, Any]
    nominal_params: ClassVar[int | None]

    @property
    def name(self) -> str:
        """A short lower-case name."""

    @property
    def has_sequence(self) -> bool:
        """Whether the model forecasts at every step of its window, as dense supervision requires."""

    @property
    def trains_in_batches(self) -> bool:
        """Whether the training loop trains the model; estimators are fitted at once, naive baselines not at all."""

    def describe(self, **metadata: object) -> None:
        """Store names, units and scaling of the data with the model."""

    def count_params(self) -> int:
        """Return the number of parameters."""

    def parameter_rows(self) -> list[ParameterRow]:
        """Return one row for each part of the model that has parameters."""

    def save(self, path: Path) -> None:
        """Write the model to a file."""
