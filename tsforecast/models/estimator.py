"""The base class of forecasters that are not networks: fitted at once, saved as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tsforecast.data.windows import Windows
from tsforecast.files import write_text
from tsforecast.models.protocol import ParameterRow
from tsforecast.models.task import Task

if TYPE_CHECKING:
    from tsforecast.losses import Loss


class Estimator:
    """A forecaster that ``fit`` trains at once, without the training loop.

    A subclass implements ``fit``, ``forecast``, ``parameter_rows``, ``state`` and ``restore``, and is listed in
    ``models.io`` so that saved files can be loaded.

    Args:
        task: The inputs and outputs of the model.
        options: The subclass's own arguments, saved with the model.

    Attributes:
        nominal_params: Always None: the size of an estimator depends on the data.
    """

    kinds: ClassVar[dict[str, type[Estimator]]] = {}
    nominal_params: ClassVar[int | None] = None
    has_sequence = False
    trains_in_batches = False

    def __init__(self, task: Task, options: dict[str, Any]):
        self.task, self.options = task, options
        self.metadata: dict[str, Any] = {}

    def __init_subclass__(cls) -> None:
        Estimator.kinds[cls.__name__] = cls

    @property
    def name(self) -> str:
        """A short lower-case name."""
        return type(self).__name__.lower()

    def describe(self, **metadata: object) -> None:
        """Store what the saved file needs to be used alone: channels, targets, unit, scaler, frequency."""
        self.metadata = metadata

    def fit(self, train: Windows, val: Windows, *, seed: int, loss: Loss, log: Callable[[str], None]) -> int:
        """Fit on training windows, stop by the error on validation windows, and return the number of rounds.

        Args:
            train: The training windows.
            val: The validation windows.
            seed: Random seed.
            loss: The loss to minimize.
            log: Called with one line of progress at a time.
        """
        raise NotImplementedError

    def check(self, loss: Loss) -> None:
        """Check, before any time is spent, that the model can be fitted with a loss.

        Raises:
            UserError: It cannot.
        """

    def forecast(self, windows: Windows) -> np.ndarray:
        """Return the forecasts float32 ``[n, H, T(, Q)]``, scaled."""
        raise NotImplementedError

    def outputs(self, windows: Windows) -> dict[str, np.ndarray]:
        """Return all that the model forecasts, scaled: ``forecast``, and ``spike [n, H, T]`` logits from some."""
        return {"forecast": self.forecast(windows)}

    def run(self, past: np.ndarray) -> dict[str, np.ndarray]:
        """Return what the model forecasts for scaled windows ``[n, L, C]`` that need not be of one array of rows."""
        count, lookback, channels = past.shape
        rows = past.reshape(count * lookback, channels)
        ends = np.arange(1, count + 1, dtype=np.int64) * lookback - 1
        no_truths = np.empty((0, len(self.task.target_indices)), np.float32)
        shape = lookback, self.task.lead, self.task.horizon
        return self.outputs(Windows(rows, no_truths, ends, *shape, border=(0, len(rows))))

    def parameter_rows(self) -> list[ParameterRow]:
        """Return one row for each part of the model that has parameters."""
        raise NotImplementedError

    def count_params(self) -> int:
        """Return the number of parameters."""
        return sum(row["params"] for row in self.parameter_rows())

    def state(self) -> dict[str, Any]:
        """Return what was learned, in types that JSON can hold."""
        raise NotImplementedError

    def restore(self, state: dict[str, Any]) -> None:
        """Set what was learned from the result of ``state``."""
        raise NotImplementedError

    def save(self, path: Path) -> None:
        """Write the model to a file by an atomic rename."""
        write_text(path, json.dumps(self.to_record()))

    def to_record(self) -> dict[str, Any]:
        """Return the model in types that JSON can hold, as ``models.io.build_estimator`` takes it."""
        return {
            "kind": type(self).__name__,
            "module": type(self).__module__,
            "task": asdict(self.task),
            "options": self.options,
            "card": self.metadata,
            "state": self.state(),
        }
