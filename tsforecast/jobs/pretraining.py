"""Pre-training and what comes of it: its result, and runs that start from another run's weights."""

import time
from pathlib import Path
from typing import Any

from tsforecast.config import Config, stem
from tsforecast.config.stored import load
from tsforecast.data.dataset import ForecastDataset
from tsforecast.errors import UserError
from tsforecast.jobs import results
from tsforecast.models.io import load_model
from tsforecast.runtime import RuntimeInfo
from tsforecast.tracking.protocol import Tracker
from tsforecast.tracking.run_folder import RunFolder

HEAD = "head"


def write(
    config: Config,
    dataset: ForecastDataset,
    folder: RunFolder,
    facts: RuntimeInfo,
    outcome: dict[str, Any],
    tracked: Tracker,
    began: float,
) -> None:
    """Writes the ``result.json`` of a pre-training, which forecasts nothing yet, and says how to go on."""
    model = load_model(folder.best)
    history = [row for row in folder.read_metrics() if row["val/loss"] is not None]
    best = min(history, key=lambda row: row["val/loss"])
    result = {
        "status": "done",
        "model": stem(config.model),
        "params": model.count_params(),
        "seconds": time.monotonic() - began,
        "metrics": {key: value for key, value in best.items() if key.startswith("val/")},
        **results.provenance(config, dataset.series, facts, dataset.borders),
        "training": outcome,
    }
    folder.write_json("result.json", result)
    tracked.summary({key: result[key] for key in ("status", "params", "seconds", "metrics")})
    found = result["metrics"]
    print(
        f"hidden patches: mean squared error {found['val/loss']:.4f} of their normalised values, "
        f"{100 * found['val/explained']:.1f} % explained, in {result['seconds']:.0f} s"
    )
    print(f"Forecast with it: python run.py model={stem(config.model)} init_from={folder.path}")
    print(folder.path, flush=True)


def start_from(config: Config, model: Any, folder: RunFolder) -> None:
    """Starts a model from the weights of the run in ``config.init_from``, and freezes all but its head for a probe.

    A head is taken over only from a run that trained it and where its shapes are the same; it is new else. A run that
    goes on from its own checkpoint needs no other weights.

    Raises:
        UserError: the other run's model does not fit, or nothing in this model could be taken over or frozen.
    """
    if config.init_from is None:
        return
    if not hasattr(model, "get_layer"):
        raise UserError(f"init_from needs a network, and model={stem(config.model)} is none: leave it out.")
    if not (config.resume is not None and folder.last.is_file()):
        _take_over(config, model)
    if config.training.probe:
        if HEAD not in {layer.name for layer in model.layers}:
            raise UserError(
                f"training.probe trains a head alone, and {stem(config.model)} has none: leave it out."
            )
        for layer in model.layers:
            layer.trainable = layer.name == HEAD


def _take_over(config: Config, model: Any) -> None:
    source = Path(str(config.init_from))
    pretrained = load(source / "config.yaml").training.objective == "masked_patches"
    other: Any = load_model(RunFolder(source).best)
    theirs = {layer.name: layer for layer in other.layers}
    taken, anew = [], []
    for layer in model.layers:
        if not layer.weights:
            continue
        mine, found = _shapes(layer), _shapes(theirs.get(layer.name))
        if layer.name == HEAD and (pretrained or mine != found):
            anew.append(layer.name)
        elif mine != found:
            raise UserError(
                f"init_from={source}: its part '{layer.name}' does not fit this model ({found} there, {mine} here): "
                "give this run the model, window and data of that one."
            )
        else:
            layer.set_weights(theirs[layer.name].get_weights())
            taken.append(layer.name)
    fresh = f"; anew: {', '.join(anew)}" if anew else ""
    print(f"Started from {source}: {', '.join(taken)}{fresh}.", flush=True)


def _shapes(layer: Any) -> list[tuple[int, ...]]:
    return [] if layer is None else [tuple(variable.shape) for variable in layer.weights]
