"""Saved models: networks as ``.keras`` files, fitted estimators as JSON files in the same place."""

import importlib
import pkgutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tsforecast.config_files import model_modules, plugin_models
from tsforecast.errors import UserError
from tsforecast.files import atomic_path
from tsforecast.untrusted.networks import check_network, limit_variables, read_config
from tsforecast.untrusted.records import read_record

if TYPE_CHECKING:
    import keras

    from tsforecast.models.estimator import Estimator
    from tsforecast.models.protocol import Model
    from tsforecast.models.task import Task

ESTIMATOR_SUFFIX = ".json"  # of an estimator's file, which takes the place of a network's .keras file
NOT_SAVED = "give the folder of a finished run"
MAX_ESTIMATOR_BYTES = 2 << 30  # of an estimator's file: thousands of large trees
PACKAGES = ("tsforecast.models", "tsforecast.ensemble")  # whose classes saved files name


def save_model(model: "keras.Model", path: Path) -> None:
    """Save a network by an atomic rename: after a kill the old file or the new one is there, never a part.

    Args:
        model: network to save.
        path: ``.keras`` file to write.
    """
    with atomic_path(path) as part:
        model.save(part)


def load_model(path: Path, like: "Model | None" = None) -> "Model":
    """Load a saved forecaster.

    Args:
        path: ``.keras`` file of a network. An estimator's file in its place has the same name with the suffix
            ``.json``, and is found by this path too.
        like: The network that was saved there, in this process: it gets the stored weights and is returned, so that
            what has been compiled for it is not compiled again. It must have a single device.

    Raises:
        UserError: there is no saved model.
    """
    import keras

    saved = saved_path(path)
    if saved.suffix == ESTIMATOR_SUFFIX:
        return load_estimator(saved)
    if not path.is_file():
        raise UserError(
            f"{path.parent} contains no {path.name}: the run has not reached its first validation yet."
        )
    stored = check_network(path, _is_known)
    if isinstance(like, keras.Model):
        like.load_weights(path)
        return cast("Model", like)
    import_models()
    with limit_variables(stored, str(path)):
        return keras.saving.load_model(path, compile=False)


def _is_known(module: str | None, registered: str) -> bool:
    """Return whether a saved network may name a class: one of Keras, or one of ours or of the user's models."""
    import keras

    if module is not None and module.split(".")[0] in ("keras", "builtins"):
        return True
    if keras.saving.get_registered_object(registered) is None:
        import_models()
    return keras.saving.get_registered_object(registered) is not None


def load_estimator(path: Path) -> "Estimator":
    """Load what ``Estimator.save`` wrote.

    Raises:
        UserError: the file does not contain a saved estimator.
    """
    return build_estimator(read_record(path, NOT_SAVED, MAX_ESTIMATOR_BYTES), path)


def build_estimator(stored: Mapping[str, Any], path: Path) -> "Estimator":
    """Build an estimator from its record.

    Args:
        stored: As ``Estimator.to_record`` returns it.
        path: The file that it is from, for the message.

    Raises:
        UserError: the record is not of a saved estimator.
    """
    from tsforecast.models.estimator import Estimator
    from tsforecast.models.task import Task

    import_models()  # each class registers itself in Estimator.kinds
    if stored.get("kind") not in Estimator.kinds and stored.get("module") in model_modules():
        importlib.import_module(stored["module"])
    if stored.get("kind") not in Estimator.kinds:
        raise UserError(f"{path} does not contain a saved forecaster: give the folder of a finished run.")
    model = Estimator.kinds[stored["kind"]](task=Task.from_dict(stored["task"]), **stored["options"])
    model.describe(**stored["card"])
    model.restore(stored["state"])
    return model


def load_metadata(path: Path) -> dict[str, Any]:
    """Load what a saved forecaster says of its data (channels, targets, step, scaler) without importing Keras.

    Args:
        path: As ``load_model`` takes it.

    Raises:
        UserError: there is no saved model, or its file has no scaler.
    """
    metadata: dict[str, Any] = _read_description(path)["card"]
    return metadata


def load_task(path: Path) -> "Task":
    """Load the window and targets of a saved forecaster without importing Keras.

    Args:
        path: As ``load_model`` takes it.

    Raises:
        UserError: there is no saved model, or its file has no scaler.
    """
    from tsforecast.models.task import Task

    return Task.from_dict(_read_description(path)["task"])


def _read_description(path: Path) -> dict[str, Any]:
    saved = saved_path(path)
    if not saved.is_file():
        raise UserError(
            f"{path.parent} contains no {path.name}: the run has not reached its first validation yet."
        )
    try:
        stored = (
            read_record(saved, NOT_SAVED, MAX_ESTIMATOR_BYTES)
            if saved.suffix == ESTIMATOR_SUFFIX
            else read_config(saved)["config"]
        )
        if stored["card"]["scaler"] and stored["task"]:
            description: dict[str, Any] = stored
            return description
    except (KeyError, TypeError):
        pass
    raise UserError(f"{saved} does not contain a saved forecaster with its scaling: train it again.")


def saved_path(best: Path) -> Path:
    """Return the file of a run's best model: ``best.keras``, or the estimator's ``best.json`` in its place."""
    fitted = best.with_suffix(ESTIMATOR_SUFFIX)
    return fitted if fitted.is_file() and not best.is_file() else best


def import_models() -> None:
    """Import every module with models, as a fresh process must before Keras finds their classes by name."""
    for name in PACKAGES:
        package = importlib.import_module(name)
        for module in pkgutil.iter_modules(package.__path__, f"{name}."):
            importlib.import_module(module.name)
    for target in plugin_models().values():
        with suppress(ImportError):  # another package that cannot be imported must not keep ours from loading
            importlib.import_module(target.rpartition(".")[0])
