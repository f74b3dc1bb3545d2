"""The state of a training run in one file, written whole or not at all."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops

from tsforecast.errors import UserError
from tsforecast.files import atomic_path


def save_state(path: Path, trainer: Any, progress: dict[str, Any]) -> None:
    """Writes weights, optimizer, metrics, random states and ``progress`` (JSON) to ``path`` by an atomic rename."""
    # The variable itself, not its value: several devices may hold it, and Keras knows how to read that.
    arrays = {f"v{i}": ops.convert_to_numpy(variable) for i, variable in enumerate(_variables(trainer))}
    with atomic_path(path) as part:
        np.savez(part, allow_pickle=False, progress=np.array(json.dumps(progress)), **_storable(arrays))


def load_state(path: Path, trainer: Any) -> dict[str, Any]:
    """Puts a state back and returns its ``progress``.

    Raises:
        UserError: the file is not there or does not fit the model.
    """
    if not path.is_file():
        raise UserError(
            f"{path.parent} has no {path.name}: the run ended before its first checkpoint; start it anew."
        )
    with np.load(path) as stored:
        variables = _variables(trainer)
        fits = len(stored.files) == len(variables) + 1 and all(
            stored[f"v{i}"].shape == tuple(variable.shape) for i, variable in enumerate(variables)
        )
        if not fits:
            raise UserError(f"{path} holds another model than the config says: start the run anew.")
        for i, variable in enumerate(variables):
            variable.assign(ops.cast(stored[f"v{i}"], variable.dtype))
        return json.loads(str(stored["progress"]))


def _variables(trainer: Any) -> list[Any]:
    """All that changes while training, each once: weights and random states, optimizer, loss mean."""
    found = {
        id(v): v
        for v in [
            *trainer.forecaster.variables,
            *trainer.optimizer.variables,
            *trainer.metrics_variables,
            *trainer.variables,  # of what a trainer adds to its forecaster
        ]
    }
    return list(found.values())


def _storable(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """NumPy files know no bfloat16; float32 holds all its values."""
    return {name: a if a.dtype.kind in "fiub" else a.astype(np.float32) for name, a in arrays.items()}
