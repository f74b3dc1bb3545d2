"""One library's model in a process of its own, which works when it is told to: ``turns.py`` starts several.

    echo train 32 10 | python -m benchmarks.contender ours lstm

Reads work, windows and a number of calls from standard input, answers with a line of JSON (the calls' seconds, and the
most memory that the process held in them), until the input ends. No calls means: build it and warm up.
"""

import argparse
import json
import os
import re
import sys
import time
from contextlib import suppress
from pathlib import Path

LOOKBACK, FEATURES, LEAD = 100, 12, 10
RATE = 1e-3
SPIKE_WEIGHT = 0.5


def keras_call(kind, model, work, batch, half):
    """Our step and forecast as a run sets them up, or those of stock Keras with its own layers."""
    from tsforecast import runtime

    policy = "mixed_bfloat16" if half else "float32"
    runtime.initialize(backend="tensorflow", seed=0, policy=policy, kind="auto", memory_gb=None, threads=None)
    import keras
    import numpy as np
    import tensorflow as tf

    if kind == "keras":
        _stock_layers()
    from tsforecast.inference.predict import forward_batch
    from tsforecast.inference.sharding import default_shards

    forecaster = keras_model(model)
    draw = np.random.default_rng(0)
    past = draw.normal(size=(batch, LOOKBACK, FEATURES)).astype(np.float32)
    truth = draw.normal(size=(batch, 1, 1)).astype(np.float32)
    if work == "infer":
        if kind == "ours":
            return lambda: forward_batch(forecaster, past)
        plain = tf.function(lambda x: forecaster(x, training=False))
        return lambda: keras.tree.map_structure(lambda tensor: tensor.numpy(), plain(past))
    shards = default_shards(batch) if kind == "ours" else 0
    return keras_step(forecaster, keras.optimizers.AdamW(RATE), past, truth, shards)


def keras_step(forecaster, optimizer, past, truth, shards):
    """A call that trains on one batch, as a run sets it up; 0 shards leave the step to Keras."""
    import tensorflow as tf

    from tsforecast.losses import SquaredError
    from tsforecast.training.trainer import Trainer

    trainer = Trainer(forecaster, SquaredError(), shards=shards)
    trainer.compile(optimizer=optimizer, jit_compile=False)
    trainer.build(past.shape)
    trainer.optimizer.build(trainer.trainable_variables)
    step, data = trainer.make_train_function(), (tf.constant(past), tf.constant(truth))
    return lambda: float(step(iter([data]))["loss"])


def keras_model(name):
    """Our model of this name, at its own default widths, without dropout."""
    from tsforecast.models.forecaster import Forecaster
    from tsforecast.models.io import import_models
    from tsforecast.models.task import Task

    import_models()
    made = {one.__name__.lower(): one for one in Forecaster.__subclasses__()}
    forecaster = made[name.replace("_", "")](Task(LOOKBACK, FEATURES, LEAD, 1, (0,), season=1440))
    forecaster.describe(spike={"threshold": [1.0], "threshold_scaled": [1.0]})
    return forecaster


def _stock_layers():
    """Lets the models be built of Keras' own recurrent layers."""
    import keras

    from tsforecast.layers import recurrent

    for name in ("LSTM", "GRU", "Bidirectional"):
        setattr(recurrent, name, getattr(keras.layers, name))


def torch_call(model, work, batch, half, threads):
    """The step and forecast of PyTorch, with bfloat16 autocast if ``half``; on a GPU where it sees one."""
    import torch

    from benchmarks.pytorch_models import MODELS

    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    network = MODELS[model]().to(device)
    past, truth = torch.randn(batch, LOOKBACK, FEATURES).to(device), torch.randn(batch, 1).to(device)
    if work == "infer":
        network.eval()

        def forecast():
            with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=half):
                output = network(past)
            return [part.cpu() for part in (output if isinstance(output, tuple) else (output,))]

        return forecast
    optimizer = torch.optim.AdamW(network.parameters(), RATE)

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, torch.bfloat16, enabled=half):
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


def forget_peak():
    """Lets the peak begin anew from what the process holds now, where the system can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def resident_peak_mb():
    """The most memory that this process has held, in MB (10^6 bytes); None where the system does not tell."""
    status = Path("/proc/self/status")
    found = status.exists() and re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(), re.MULTILINE)
    return int(found.group(1)) * 1024 / 1e6 if found else None


def timed(call, calls):
    """The seconds of each call; one before them takes the caches back from the process before."""
    call()
    seconds = []
    for _ in range(calls):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("library", choices=["ours", "keras", "torch"])
    parser.add_argument("model")
    parser.add_argument("--half", action="store_true", help="bfloat16 where the library has it")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of PyTorch")
    asked = parser.parse_args()

    def build(work, batch):
        if asked.library == "torch":
            return torch_call(asked.model, work, batch, asked.half, asked.threads)
        return keras_call(asked.library, asked.model, work, batch, asked.half)

    answer(build)


def answer(build):
    """Works as the lines of standard input tell it to, see the module; ``build`` makes the call of a work and batch."""
    built, peaks = {}, {}
    for line in sys.stdin:
        work, batch, calls = line.split()
        key = work, int(batch)
        if key not in built:
            forget_peak()
            built[key] = build(*key)
            timed(built[key], 2)
            peaks[key] = resident_peak_mb()
        seconds = timed(built[key], int(calls))
        print(json.dumps({"seconds": seconds, "peak_mb": peaks[key]}), flush=True)


if __name__ == "__main__":
    main()
