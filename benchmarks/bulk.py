"""Part ``bulk``: forecasts of many windows at once, compared with ``predict`` of NeuralForecast, taking turns.

    echo bulk 5000 3 | python -m benchmarks.bulk ours lstm

Weights are those of the initialization: they do not change the time. NeuralForecast gets each window as a series of its
own, as a data frame that exists before the time begins, and forecasts every step up to the lead; ours forecasts its
last step.
"""

import argparse
import logging
import sys

from benchmarks.contender import FEATURES, LEAD, LOOKBACK, answer, keras_model
from benchmarks.turns import Contender, in_turns

MODELS = ("lstm", "patchtst")  # those that NeuralForecast has too
WINDOWS, CALLS = 5_000, 1


def measure(options, peers):
    """Yield the result of each selected model that both have."""
    for model in [name for name in options.models if name in MODELS]:
        print(f"bulk, {model}: {options.rounds} rounds", flush=True)
        pairs = [("ours", sys.executable, "ours")]
        pairs += [("NeuralForecast", peers, "neuralforecast")] if peers else []
        running = [
            Contender(name, [python, "-m", "benchmarks.bulk", library, model])
            for name, python, library in pairs
        ]
        (figures,) = in_turns(running, [("bulk", WINDOWS, CALLS)], options.rounds)
        yield f"bulk_{model}", {"model": model, "windows": WINDOWS, "contenders": figures}


def our_call(model, windows):
    """Return a function that forecasts that many windows, one row apart, as evaluation does."""
    from tsforecast import runtime

    runtime.initialize(
        backend="tensorflow", seed=0, policy="float32", kind="auto", memory_gb=None, threads=None
    )
    import numpy as np

    from tsforecast.data.windows import Windows
    from tsforecast.inference.predict import predict

    rows = LOOKBACK + windows + LEAD
    inputs = np.random.default_rng(0).normal(size=(rows, FEATURES)).astype(np.float32)
    ends = np.arange(LOOKBACK - 1, LOOKBACK - 1 + windows)
    batch = Windows(inputs, inputs[:, :1], ends, LOOKBACK, LEAD, 1, (0, rows))
    forecaster = keras_model(model)
    return lambda: predict(forecaster, batch)


def neuralforecast_call(model, windows):
    """Return a function that forecasts that many series of the look-back's length."""
    import numpy as np
    import pandas as pd
    from neuralforecast import NeuralForecast

    from benchmarks.neuralforecast_learner import MODELS as KINDS

    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    channels = [f"x{i}" for i in range(1, FEATURES)]
    values = np.random.default_rng(0).normal(size=(windows * LOOKBACK, FEATURES)).astype(np.float32)
    table = pd.DataFrame(values, columns=["y", *channels])
    table["unique_id"] = np.repeat(np.arange(windows), LOOKBACK)
    table["ds"] = np.tile(pd.date_range("2024-01-01", periods=LOOKBACK, freq="min"), windows)
    network = KINDS[model](
        h=LEAD,
        input_size=LOOKBACK,
        max_steps=1,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        start_padding_enabled=True,
        **({"hist_exog_list": channels} if model == "lstm" else {}),
    )
    forecaster = NeuralForecast(models=[network], freq="min")
    forecaster.fit(table[table["unique_id"] < 8])
    return lambda: forecaster.predict(table)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("library", choices=["ours", "neuralforecast"])
    parser.add_argument("model", choices=MODELS)
    options = parser.parse_args()
    call = our_call if options.library == "ours" else neuralforecast_call
    answer(lambda work, windows: call(options.model, windows))


if __name__ == "__main__":
    main()
