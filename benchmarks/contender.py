"""One library's model in a process of its own, which works when it is told to: ``against.py`` starts several.

    python -m benchmarks.contender ours lstm train 32 --threads 2

Reads a number of calls from standard input, answers with their seconds as a JSON list, until the input ends. The first
answer comes unasked, after warm-up: what the process holds.
"""

import argparse
import json
import os
import re
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

LOOKBACK, FEATURES, LEAD = 100, 12, 10
RATE = 1e-3
SPIKE_WEIGHT = 0.5


def keras_call(kind, model, work, batch, half):
    """Our step and forecast, or those of stock Keras with its own layers."""
    import keras

    keras.config.set_dtype_policy("mixed_bfloat16" if half else "float32")
    if kind == "keras":
        _stock_layers()
    import numpy as np
    import tensorflow as tf

    from tsforecast.jobs.results import import_models
    from tsforecast.losses import SquaredError
    from tsforecast.models.fitted import FittedModel  # noqa: F401
    from tsforecast.models.forecaster import Forecaster, Task
    from tsforecast.training.prediction import forecast_batch
    from tsforecast.training.sharded_step import default_shards
    from tsforecast.training.trainer import Trainer

    import_models()
    made = {one.__name__.lower(): one for one in Forecaster.__subclasses__()}
    task = Task(LOOKBACK, FEATURES, LEAD, 1, (0,), season=1440)
    forecaster = made[model.replace("_", "")](task)
    forecaster.describe(spike={"threshold": [1.0], "threshold_scaled": [1.0]})
    draw = np.random.default_rng(0)
    past = draw.normal(size=(batch, LOOKBACK, FEATURES)).astype(np.float32)
    truth = draw.normal(size=(batch, 1, 1)).astype(np.float32)
    if work == "infer":
        if kind == "ours":
            return lambda: forecast_batch(forecaster, past)
        plain = tf.function(lambda x: forecaster(x, training=False))
        return lambda: keras.tree.map_structure(lambda tensor: tensor.numpy(), plain(past))
    trainer = Trainer(forecaster, SquaredError(), shards=default_shards(batch) if kind == "ours" else 0)
    trainer.compile(optimizer=keras.optimizers.AdamW(RATE), jit_compile=False)
    trainer.build((batch, LOOKBACK, FEATURES))
    trainer.optimizer.build(trainer.trainable_variables)
    step, data = trainer.make_train_function(), (tf.constant(past), tf.constant(truth))
    return lambda: float(step(iter([data]))["loss"])


def _stock_layers():
    """Lets the models be built of Keras' own recurrent layers."""
    import keras

    from tsforecast.layers import recurrent

    for name in ("LSTM", "GRU", "Bidirectional"):
        setattr(recurrent, name, getattr(keras.layers, name))


def torch_call(model, work, batch, half, threads):
    """The step and forecast of PyTorch, with bfloat16 autocast if ``half``."""
    import torch

    from benchmarks.pytorch_models import MODELS

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    network = MODELS[model]()
    past, truth = torch.randn(batch, LOOKBACK, FEATURES), torch.randn(batch, 1)
    if work == "infer":
        network.eval()

        def forecast():
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half):
                return network(past)

        return forecast
    optimizer = torch.optim.AdamW(network.parameters(), RATE)

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            output = network(past)
        value, odds = output if isinstance(output, tuple) else (output, None)
        loss = torch.nn.functional.mse_loss(value.float(), truth)
        if odds is not None:
            spike = (truth - past[:, -1, :1] > 1.0).float()
            loss = loss + SPIKE_WEIGHT * torch.nn.functional.binary_cross_entropy_with_logits(
                odds.float(), spike
            )
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def resident_peak_mb():
    """The most memory that this process has held."""
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(found.group(1)) / 1000 if found else None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("library", choices=["ours", "keras", "torch"])
    parser.add_argument("model")
    parser.add_argument("work", choices=["train", "infer"])
    parser.add_argument("batch", type=int)
    parser.add_argument("--half", action="store_true", help="bfloat16 where the library has it")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    asked = parser.parse_args()
    if asked.library == "torch":
        call = torch_call(asked.model, asked.work, asked.batch, asked.half, asked.threads)
    else:
        call = keras_call(asked.library, asked.model, asked.work, asked.batch, asked.half)
    for _ in range(3):
        call()
    print(json.dumps({"peak_mb": resident_peak_mb()}), flush=True)
    for line in sys.stdin:
        seconds = []
        call()  # takes the caches back from the process before
        for _ in range(int(line)):
            began = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - began)
        print(json.dumps(seconds), flush=True)


if __name__ == "__main__":
    main()
