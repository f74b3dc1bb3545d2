"""The state of a training run in one file, written by an atomic rename."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from keras import ops

from tsforecast.errors import UserError
from tsforecast.files import atomic_path
from tsforecast.untrusted.archives import open_arrays
from tsforecast.untrusted.records import parse_record

if TYPE_CHECKING:
    import keras

    from tsforecast.training.trainer import Trainer


def save_state(path: Path, trainer: Trainer, progress: dict[str, Any]) -> None:
    """Write weights, optimizer, metrics, random states and progress to a file.

    Args:
        path: ``.npz`` file to write.
        trainer: The trainer, compiled and built.
        progress: Progress in types that JSON can hold.
    """
    # The variable, not its value: several devices may share it, and Keras knows how to read that.
    arrays = {f"v{i}": ops.convert_to_numpy(variable) for i, variable in enumerate(_variables(trainer))}
    with atomic_path(path) as part:
        np.savez(part, allow_pickle=False, progress=np.array(json.dumps(progress)), **_storable(arrays))


def load_state(path: Path, trainer: Trainer) -> dict[str, Any]:
    """Restore a state and return its progress.

    Args:
        path: File that ``save_state`` wrote.
        trainer: Trainer of the same model, compiled and built.

    Raises:
        UserError: The file is missing or does not fit the model.
    """
    if not path.is_file():
        raise UserError(
            f"{path.parent} has no {path.name}: the run ended before its first checkpoint; start it again."
        )
    with open_arrays(path) as stored:
        variables = _variables(trainer)
        if len(stored) == len(variables):  # version 0.1 did not store what gradients are accumulated over
            total = getattr(trainer.optimizer, "observed_total", None)
            variables = [variable for variable in variables if variable is not total]
        fits = len(stored) == len(variables) + 1 and all(
            f"v{i}" in stored and stored[f"v{i}"].shape == tuple(variable.shape)
            for i, variable in enumerate(variables)
        )
        if not fits:
            raise UserError(f"{path} holds another model than the config describes: start a new run.")
        for i, variable in enumerate(variables):
            variable.assign(ops.cast(stored[f"v{i}"], variable.dtype))
        return parse_record(str(stored["progress"]).encode(), f"{path}: progress", "start a new run")


def _variables(trainer: Trainer) -> list[keras.Variable]:
    """Return all that changes during training, each once: weights, random states, optimizer and the mean loss."""
    variables = [
        *trainer.forecaster.variables,
        *trainer.optimizer.variables,
        *trainer.metrics_variables,
        *trainer.variables,  # what a trainer adds to its forecaster
    ]
    return list({id(variable): variable for variable in variables}.values())


def _storable(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Convert bfloat16, which NumPy files do not support, to float32, which holds all its values."""
    return {name: a if a.dtype.kind in "fiub" else a.astype(np.float32) for name, a in arrays.items()}
