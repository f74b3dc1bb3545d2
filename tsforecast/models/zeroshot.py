"""A foundation model from local files, which forecasts without having seen the data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tsforecast.data.windows import Windows
from tsforecast.errors import UserError
from tsforecast.files import display_path, sha256
from tsforecast.models.estimator import Estimator
from tsforecast.models.protocol import ParameterRow
from tsforecast.models.task import Task
from tsforecast.pretrained import Pretrained, Run, find_pretrained, interpolate_levels

if TYPE_CHECKING:
    from tsforecast.losses import Loss

CHUNK = 128  # windows per call


class ZeroShot(Estimator):
    """A foundation model that forecasts each target from the ``lookback`` steps of its own history.

    There is nothing to train, and other channels are not read. A saved model names the folder of the weights and does
    not contain them; it is refused if they have changed.

    Args:
        task: Inputs and outputs of the model.
        weights: Folder of a Chronos-Bolt or fracast model (``config.json`` and ``model.safetensors``); None for the
            weights within the package fracast.

    Raises:
        UserError: With ``check`` and ``forecast``: the library is not installed, the folder does not exist, the window
            or a quantile is beyond what the model forecasts, or the weights have changed since the model was saved.

    Source: Ansari et al. (2024), Chronos: Learning the Language of Time Series; https://pypi.org/project/fracast.
    """

    def __init__(self, task: Task, weights: str | None = None):
        super().__init__(task, {"weights": weights and str(Path(weights).expanduser().absolute())})
        self._pretrained: Pretrained | None = None
        self._run: Run | None = None
        self._saved_hash: str | None = None

    @property
    def steps(self) -> int:
        """Steps from the end of the window to the last that is forecast."""
        return self.task.lead + self.task.horizon - 1

    def check(self, loss: Loss | None = None) -> None:
        """Check, before any time is spent, that the library, the weights and the window fit."""
        self._find()

    def fit(self, train: Windows, val: Windows, *, seed: int, loss: Loss, log: Callable[[str], None]) -> int:
        """Leave everything to the forecasts, and return the number of rounds, 0."""
        model = self._find()
        text = (
            f"{model.library} forecasts from {min(self.task.lookback, model.context)} steps, without training"
        )
        if self.steps > model.steps:
            text += f"; beyond {model.steps} steps ahead it goes on from its own forecasts"
        log(f"{text}.")
        return 0

    def forecast(self, windows: Windows) -> np.ndarray:
        """Return the forecasts float32 ``[n, H, T(, Q)]``, scaled."""
        task, model = self.task, self._find()
        if self._run is None:
            self._run = model.load()
        wanted = task.quantile_levels or (0.5,)
        result = np.empty((len(windows), task.horizon, len(task.target_indices), len(wanted)), np.float32)
        for first in range(0, len(windows), CHUNK):
            inputs = windows.inputs(windows.ends[first : first + CHUNK])
            for target, channel in enumerate(task.target_indices):
                histories = np.ascontiguousarray(inputs[..., channel], np.float32)
                values = self._run(histories, self.steps)[:, task.lead - 1 :]
                result[first : first + CHUNK, :, target] = interpolate_levels(values, model.levels, wanted)
        return result[..., 0] if task.quantile_levels is None else result

    def parameter_rows(self) -> list[ParameterRow]:
        """Return one row with all weights, none of which is trained."""
        model = self._find()
        return [{"layer": f"{model.library} (frozen)", "shape": "", "params": model.count_params()}]

    def state(self) -> dict[str, Any]:
        """Return the hash of the weights, so that others are noticed."""
        return {"sha256": sha256(self._find().weights)}

    def restore(self, state: dict[str, Any]) -> None:
        """Set what the weights must be."""
        self._saved_hash = state["sha256"]

    def _find(self) -> Pretrained:
        if self._pretrained is None:
            model = find_pretrained(self.options["weights"])
            model.check(self.task.lookback, self.steps, self.task.quantile_levels)
            if self._saved_hash not in (None, sha256(model.weights)):
                raise UserError(
                    f"{display_path(model.weights)} has changed since this model was saved: restore it, or run"
                    " model=zeroshot again."
                )
            self._pretrained = model
        return self._pretrained
