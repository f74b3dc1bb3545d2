"""The rows and windows of the accuracy comparison, written by one interpreter and read by another."""

import json
from pathlib import Path

import numpy as np

ARRAYS = ("inputs", "truths", "train", "val")


def write(folder, dataset, validation):
    """Write scaled inputs [N, C], scaled truths [N], and last input rows of training and validation windows."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    ends = dataset.windows("train").ends, dataset.windows("val", limit=validation).ends
    for name, array in zip(ARRAYS, (dataset.inputs, dataset.truths[:, 0], *ends), strict=True):
        np.save(folder / f"{name}.npy", array)
    target = dataset.target_indices[0]
    facts = {
        "lookback": dataset.window["lookback"],
        "lead": dataset.window["lead"],
        "train_rows": int(dataset.borders[0][1]),
        "target": int(target),
        "scale": float(dataset.scaler.scale[target]),
    }
    (folder / "facts.json").write_text(json.dumps(facts))


class Rows:
    """The data that ``write`` wrote.

    Args:
        folder: Folder of the files.
    """

    def __init__(self, folder):
        folder = Path(folder)
        facts = json.loads((folder / "facts.json").read_text())
        self.lookback, self.lead, self.target = facts["lookback"], facts["lead"], facts["target"]
        self.scale, self.train_rows = facts["scale"], facts["train_rows"]
        self.inputs, self.truths, self.train, self.val = (np.load(folder / f"{name}.npy") for name in ARRAYS)

    def windows(self, ends):
        """Return inputs [n, L, C] and truths [n] (NaN if unobserved) of the windows with these last input rows."""
        ends = np.asarray(ends)
        return self.inputs[ends[:, None] + np.arange(1 - self.lookback, 1)], self.truths[ends + self.lead]

    def rmse(self, forecasts):
        """Return the RMSE of scaled forecasts [n] of the validation windows, in the unit of the target."""
        errors = (np.asarray(forecasts, np.float64) - self.truths[self.val + self.lead]) * self.scale
        return float(np.sqrt(np.nanmean(errors**2)))
