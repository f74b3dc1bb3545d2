"""The files of a foundation model, with no weights in them, and forecasts that are known."""

import json

import numpy as np

LEVELS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
CHRONOS = {
    "chronos_pipeline_class": "ChronosBoltPipeline",
    "chronos_config": {"context_length": 64, "prediction_length": 4, "quantiles": LEVELS},
}
FRACAST = {"model": {"family": "fracast", "W": 64, "horizon": 4, "quantiles": LEVELS}}


def write_model(folder, config=CHRONOS, shape=(2, 3)):
    """Write the files of a model, and return their folder."""
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    header = {"a": {"dtype": "F32", "shape": list(shape)}, "b": {"dtype": "F32", "shape": [5]}}
    header = json.dumps(header | {"__metadata__": {"format": "pt"}}).encode()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    return folder


def rising(histories, steps):
    """Return quantiles ``[n, steps, 9]``: the last value, one more for each step, and ten times the level."""
    ahead = np.arange(1.0, steps + 1)[:, None] + 10 * np.array(LEVELS)
    return histories[:, -1][:, None, None] + ahead
