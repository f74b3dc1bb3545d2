"""NeuralForecast's N-HiTS, PatchTST and LSTM on M4 hourly, each trained for the same time.

    PATH/python benchmarks/m4_peers.py Hourly-train.csv Hourly-test.csv --minutes 1.5

Runs in an interpreter with NeuralForecast. Look-back, horizon, loss, windows per batch and learning rate are those of
``experiments/m4_hourly.yaml``; each window is scaled by itself, as the models of that study do. Prints MASE and sMAPE,
means over the series.
"""

import argparse
import logging
import time

import numpy as np
import pandas as pd
import pytorch_lightning as pl
from neuralforecast import NeuralForecast
from neuralforecast.losses.pytorch import MAE
from neuralforecast.models import LSTM, NHITS, PatchTST

SEASON, HORIZON, LOOKBACK = 24, 48, 336
MODELS = {
    "N-HiTS": (NHITS, {"scaler_type": "standard"}),
    "PatchTST": (PatchTST, {}),  # normalizes each window itself
    "LSTM": (LSTM, {"scaler_type": "standard"}),
}


class Clock(pl.Callback):
    """End the training when the time is up; the library works on a copy, so the class counts the updates."""

    updates = 0

    def __init__(self, seconds):
        self.seconds = seconds

    def on_train_start(self, *arguments):
        self.began = time.monotonic()

    def on_train_batch_end(self, trainer, *arguments):
        Clock.updates += 1
        trainer.should_stop = time.monotonic() - self.began >= self.seconds


def read(path):
    """Return the series of a file of the competition by their names."""
    table = pd.read_csv(path, index_col=0)
    return {name: row.dropna().to_numpy(np.float64) for name, row in table.iterrows()}


def long_table(series):
    """Return series in the format of NeuralForecast, with hour numbers as times."""
    parts = [pd.DataFrame({"unique_id": name, "ds": np.arange(len(y)), "y": y}) for name, y in series.items()]
    return pd.concat(parts, ignore_index=True)


def train_and_forecast(name, series, seconds, seed):
    """Return the forecasts by series, and the number of updates."""
    model_class, options = MODELS[name]
    Clock.updates = 0
    model = model_class(
        h=HORIZON,
        input_size=LOOKBACK,
        loss=MAE(),
        learning_rate=1e-3,
        max_steps=10**6,
        val_check_steps=10**6,
        windows_batch_size=256,
        random_seed=seed,
        callbacks=[Clock(seconds)],
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )
    forecaster = NeuralForecast(models=[model], freq=1)
    forecaster.fit(long_table(series))
    forecasts = forecaster.predict()
    column = next(c for c in forecasts.columns if c not in ("unique_id", "ds"))
    return {key: part[column].to_numpy() for key, part in forecasts.groupby("unique_id")}, Clock.updates


def scores(series, truths, forecasts):
    """Return MASE and sMAPE (%), means over the series, as the competition defines them."""
    mase, smape = [], []
    for name, y in series.items():
        error = np.abs(truths[name] - forecasts[name])
        mase.append(error.mean() / np.abs(y[SEASON:] - y[:-SEASON]).mean())
        smape.append((200 * error / (np.abs(truths[name]) + np.abs(forecasts[name]))).mean())
    return np.mean(mase), np.mean(smape)


def main():
    """Train each model and print its scores."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("train")
    parser.add_argument("test")
    parser.add_argument("--minutes", type=float, default=1.5)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    series, truths = read(options.train), read(options.test)
    for name in options.models:
        forecasts, steps = train_and_forecast(name, series, options.minutes * 60, options.seed)
        mase, smape = scores(series, truths, forecasts)
        print(f"{name}: MASE {mase:.3f}, sMAPE {smape:.2f} %, {steps} updates", flush=True)


if __name__ == "__main__":
    main()
