"""NeuralForecast's LSTM and PatchTST as a user would call them: one series, default options, squared error.

    python -m benchmarks.neuralforecast_learner FOLDER MINUTES lstm

The horizon is the lead, and its last step is scored. The LSTM gets the other features as ``hist_exog_list``; PatchTST
takes none. Weights are saved every few seconds of training and scored afterwards with ``predict``, with each validation
window as its own series. Prints the curve as a line of JSON.
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

MOMENTS = 12  # number of times that weights are saved
MODELS = {"lstm": LSTM, "patchtst": PatchTST}


class Clock(pl.Callback):
    """Save the weights at regular moments and end training when the time is up. Copying does not count as time."""

    def __init__(self, seconds):
        self.limit, self.spent, self.steps, self.saved = seconds, 0.0, 0, []

    def on_train_batch_start(self, *arguments):
        self.began = self.began if hasattr(self, "began") else time.perf_counter()

    def on_train_batch_end(self, trainer, model, *arguments):
        now = time.perf_counter()
        self.spent, self.began, self.steps = self.spent + now - self.began, now, self.steps + 1
        if self.spent >= self.limit * (len(self.saved) + 1) / MOMENTS:
            self.saved.append((self.spent, self.steps, copy.deepcopy(model.state_dict())))
            self.began = time.perf_counter()
        trainer.should_stop = self.spent >= self.limit


def frame(rows, ends, length):
    """Return series of ``length`` rows that end at each of ``ends``, in the format of NeuralForecast."""
    index = (np.asarray(ends)[:, None] + np.arange(1 - length, 1)).ravel()
    table = pd.DataFrame({f"x{i}": rows.inputs[index, i] for i in others(rows)})
    table["y"] = rows.inputs[index, rows.target]
    table["unique_id"] = np.repeat(np.arange(len(ends)), length)
    table["ds"] = pd.to_datetime(index.astype("int64"), unit="m")
    return table


def others(rows):
    """Return the indices of the features other than the target."""
    return [i for i in range(rows.inputs.shape[1]) if i != rows.target]


def learn(name, rows, seconds):
    """Train for a number of seconds; return (clock, windows per step, curve)."""
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
    # NeuralForecast trained copies of the model and its callbacks. The clock would also stop predictions.
    callbacks = fitted.trainer_kwargs["callbacks"]
    clock = next(callback for callback in callbacks if isinstance(callback, Clock))
    fitted.trainer_kwargs = {**fitted.trainer_kwargs, "callbacks": []}
    table, curve = frame(rows, rows.val, rows.lookback), []
    for spent, steps, weights in clock.saved:
        fitted.load_state_dict(weights)
        forecasts = forecaster.predict(table)
        values = (
            forecasts.sort_values(["unique_id", "ds"])[forecast_column(forecasts)]
            .to_numpy()
            .reshape(len(rows.val), -1)
        )
        curve.append({"seconds": spent, "step": steps, "rmse": rows.rmse(values[:, -1])})
    return clock, fitted.windows_batch_size, curve


def forecast_column(forecasts):
    """Return the column that contains the forecasts."""
    return next(column for column in forecasts.columns if column not in ("unique_id", "ds"))


def main():
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    rows, minutes, name = Rows(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
    clock, windows, curve = learn(name, rows, 60 * minutes)
    rate = clock.steps * windows / clock.spent
    settings = (
        f"{MODELS[name].__name__}(h={rows.lead}, input_size={rows.lookback}), MSE, otherwise its defaults"
    )
    print(json.dumps({"windows_per_second": rate, "settings": settings, "curve": curve}))


if __name__ == "__main__":
    main()
