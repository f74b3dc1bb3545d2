"""The seam for forecasters that are no network: fitted in one go, saved as JSON, forecasting windows by themselves."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tsforecast.data.windows import Windows
from tsforecast.models.forecaster import Task


class Estimator:
    """Base of such forecasters; jobs treat them as they treat a ``Forecaster``, but call ``fit``.

    Args:
        task: what to forecast from what.
        options: the subclass's own arguments, to be saved.
    """

    kinds: ClassVar[dict[str, type["Estimator"]]] = {}
    users_estimate: ClassVar[int | None] = None
    has_sequence = False

    def __init__(self, task: Task, options: dict[str, Any]):
        self.task, self.options = task, options
        self.metadata: dict[str, Any] = {}

    def __init_subclass__(cls) -> None:
        Estimator.kinds[cls.__name__] = cls

    @property
    def name(self) -> str:
        """A short name, as Keras gives its models."""
        return type(self).__name__.lower()

    def describe(self, **metadata: Any) -> None:
        """Stores what a file must tell to be used alone, as ``Forecaster.describe`` does."""
        self.metadata = metadata

    def fit(self, train: Windows, val: Windows, *, seed: int, loss: Any, tell: Callable[[str], None]) -> int:
        """Fits on training windows, stops by validation windows, and returns the rounds it took.

        Args:
            train: the training windows.
            val: the validation windows.
            seed: of whatever is drawn.
            loss: a ``losses.Loss``.
            tell: takes a line of progress.
        """
        raise NotImplementedError

    def check(self, loss: Any) -> None:
        """Refuses a loss that the model cannot learn with, before any time is spent.

        Raises:
            UserError: it cannot.
        """

    def forecast(self, windows: Windows) -> np.ndarray:
        """The forecasts float32 ``[n, H, T(, Q)]``, scaled."""
        raise NotImplementedError

    def parameter_rows(self) -> list[dict[str, Any]]:
        """Rows for the table of parameters, with ``layer``, ``shape`` and ``params``."""
        raise NotImplementedError

    def count_params(self) -> int:
        """All of them."""
        return sum(row["params"] for row in self.parameter_rows())

    def state(self) -> dict[str, Any]:
        """What was learned, as JSON holds it."""
        raise NotImplementedError

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of ``state``."""
        raise NotImplementedError

    def save(self, path: Path) -> None:
        """Writes the model by an atomic rename."""
        stored = {
            "kind": type(self).__name__,
            "task": asdict(self.task),
            "options": self.options,
            "card": self.metadata,
            "state": self.state(),
        }
        part = path.with_name(f"part-{path.name}")
        part.write_text(json.dumps(stored))
        os.replace(part, path)
