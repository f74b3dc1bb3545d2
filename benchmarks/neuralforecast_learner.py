"""NeuralForecast's LSTM and PatchTST as a user calls them: one series, their own defaults, squared error.

    python -m benchmarks.neuralforecast_learner FOLDER MINUTES lstm

The horizon is the lead, and its last step is scored. The LSTM gets the other features as ``hist_exog_list``; PatchTST
takes none. Weights are kept every few seconds of training and scored afterwards with ``predict``, each validation
window as a series of its own. Prints the curve as a line of JSON.
"""

import copy
import json
import logging
import sys
import time

import numpy as np
import pandas as pd
import pytorch_lightning as pl
from neuralforecast import NeuralForecast
from neuralforecast.losses.pytorch import MSE
from neuralforecast.models import LSTM, PatchTST

from benchmarks.rows import Rows

MOMENTS = 12  # looks at the weights within the time
MODELS = {"lstm": LSTM, "patchtst": PatchTST}


class Clock(pl.Callback):
    """Keeps the weights at even moments, and ends training when the time is up; stands still while it copies."""

    def __init__(self, seconds):
        self.limit, self.spent, self.steps, self.kept = seconds, 0.0, 0, []

    def on_train_batch_start(self, *arguments):
        self.began = self.began if hasattr(self, "began") else time.perf_counter()

    def on_train_batch_end(self, trainer, model, *arguments):
        now = time.perf_counter()
        self.spent, self.began, self.steps = self.spent + now - self.began, now, self.steps + 1
        if self.spent >= self.limit * (len(self.kept) + 1) / MOMENTS:
            self.kept.append((self.spent, self.steps, copy.deepcopy(model.state_dict())))
            self.began = time.perf_counter()
        trainer.should_stop = self.spent >= self.limit


def frame(rows, ends, length):
    """Series of ``length`` rows that end at each of ``ends``, as NeuralForecast takes them."""
    index = (np.asarray(ends)[:, None] + np.arange(1 - length, 1)).ravel()
    table = pd.DataFrame({f"x{i}": rows.inputs[index, i] for i in others(rows)})
    table["y"] = rows.inputs[index, rows.target]
    table["unique_id"] = np.repeat(np.arange(len(ends)), length)
    table["ds"] = pd.to_datetime(index.astype("int64"), unit="m")
    return table


def others(rows):
    """Features beside the target."""
    return [i for i in range(rows.inputs.shape[1]) if i != rows.target]


def learn(name, rows, seconds):
    """Trains for so many seconds; returns (what kept the time, windows a step, curve)."""
    clock = Clock(seconds)
    more = {"hist_exog_list": [f"x{i}" for i in others(rows)]} if name == "lstm" else {}
    model = MODELS[name](
        h=rows.lead,
        input_size=rows.lookback,
        loss=MSE(),
        max_steps=10**9,
        val_check_steps=10**9,
        callbacks=[clock],
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **more,
    )
    forecaster = NeuralForecast(models=[model], freq="min")
    forecaster.fit(frame(rows, [rows.train_rows - 1], rows.train_rows))
    fitted = forecaster.models[0]
    # It trained a copy of what it was given. The clock would stop its predictions too.
    clock = next(one for one in fitted.trainer_kwargs["callbacks"] if isinstance(one, Clock))
    fitted.trainer_kwargs = {**fitted.trainer_kwargs, "callbacks": []}
    table, curve = frame(rows, rows.val, rows.lookback), []
    for spent, steps, weights in clock.kept:
        fitted.load_state_dict(weights)
        found = forecaster.predict(table)
        values = found.sort_values(["unique_id", "ds"])[name_of(found)].to_numpy().reshape(len(rows.val), -1)
        curve.append({"seconds": spent, "step": steps, "rmse": rows.rmse(values[:, -1])})
    return clock, fitted.windows_batch_size, curve


def name_of(found):
    """The column that holds the forecasts."""
    return next(column for column in found.columns if column not in ("unique_id", "ds"))


def main():
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    rows, minutes, name = Rows(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
    clock, windows, curve = learn(name, rows, 60 * minutes)
    rate = clock.steps * windows / clock.spent
    settings = f"{MODELS[name].__name__}(h={rows.lead}, input_size={rows.lookback}), MSE, else its defaults"
    print(json.dumps({"windows_per_second": rate, "settings": settings, "curve": curve}))


if __name__ == "__main__":
    main()
