"""A model together with forecasts that have been made already, so that nothing is forecast twice."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tsforecast.evaluation.evaluate import Evaluation
    from tsforecast.models.protocol import Model


class Scored(Protocol):
    """A model and its forecasts."""

    @property
    def model(self) -> Model:
        """The model."""

    @property
    def test(self) -> Evaluation:
        """Its forecasts of the test split."""

    @property
    def validation(self) -> Evaluation | None:
        """Its forecasts of the newest validation windows, None if not available."""


@dataclasses.dataclass(frozen=True)
class ScoredModel:
    """A model and its forecasts, see `Scored`.

    Args:
        model: The model.
        test: Its forecasts of the test split.
        validation: Its forecasts of the newest validation windows, None if not available.
    """

    model: Model
    test: Evaluation
    validation: Evaluation | None = None
