"""One library's model in its own process, which works on request; ``turns.py`` starts several of them.

    echo train 32 10 | python -m benchmarks.contender ours lstm

Reads operation, windows and number of calls from standard input and answers with a line of JSON (the seconds of each
call, and the peak memory of the process), until the input ends. 0 calls: only build the model and warm up.
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
    """Return our step or forecast as a run sets it up, or that of stock Keras with its own layers."""
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
    random = np.random.default_rng(0)
    past = random.normal(size=(batch, LOOKBACK, FEATURES)).astype(np.float32)
    truth = random.normal(size=(batch, 1, 1)).astype(np.float32)
    if work == "infer":
        if kind == "ours":
            return lambda: forward_batch(forecaster, past)
        plain = tf.function(lambda x: forecaster(x, training=False))
        return lambda: keras.tree.map_structure(lambda tensor: tensor.numpy(), plain(past))
    shards = default_shards(batch) if kind == "ours" else 0
    return keras_step(forecaster, keras.optimizers.AdamW(RATE), past, truth, shards)


def keras_step(forecaster, optimizer, past, truth, shards):
    """Return a call that trains on one batch, as a run sets it up; with 0 shards Keras runs the step."""
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
    """Return our model with this name, with its default widths and without dropout."""
    from tsforecast.models.forecaster import Forecaster
    from tsforecast.models.io import import_models
    from tsforecast.models.task import Task

    import_models()
    kinds = {kind.__name__.lower(): kind for kind in Forecaster.__subclasses__()}
    forecaster = kinds[name.replace("_", "")](Task(LOOKBACK, FEATURES, LEAD, 1, (0,), season=1440))
    forecaster.describe(spike={"threshold": [1.0], "threshold_scaled": [1.0]})
    return forecaster


def _stock_layers():
    """Make the models use Keras' own recurrent layers."""
    import keras

    from tsforecast.layers import recurrent

    for name in ("LSTM", "GRU", "Bidirectional"):
        setattr(recurrent, name, getattr(keras.layers, name))


def torch_call(model, work, batch, half, threads, steps=1, **settings):
    """Return the step or forecast of PyTorch, with bfloat16 autocast if ``half``, on a GPU if there is one.

    Args:
        model: Name of the model.
        work: ``train`` or ``infer``.
        batch: Windows of a step or forecast.
        half: Whether products are computed in bfloat16.
        threads: Threads on a CPU.
        steps: Train steps of a call, which waits for the last one.
        **settings: Arguments of the model.
    """
    import torch

    from benchmarks.pytorch_models import MODELS

    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    network = MODELS[model](**settings).to(device)
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
        return loss

    def train():
        for _ in range(steps - 1):
            step()
        return step().item()

    return train


def reset_peak():
    """Reset the peak memory to the current memory, if the system supports it."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def resident_peak_mb():
    """Return the peak memory of this process in MB (10^6 bytes), None if the system does not report it."""
    status = Path("/proc/self/status")
    match = status.exists() and re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(), re.MULTILINE)
    return int(match.group(1)) * 1024 / 1e6 if match else None


def time_calls(call, calls):
    """Return the seconds of each call, after one call that refills the caches."""
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
    parser.add_argument("--half", action="store_true", help="use bfloat16")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="threads of PyTorch")
    options = parser.parse_args()

    def build(work, batch):
        if options.library == "torch":
            return torch_call(options.model, work, batch, options.half, options.threads)
        return keras_call(options.library, options.model, work, batch, options.half)

    answer(build)


def answer(build):
    """Answer requests from standard input; ``build`` returns the call of an operation and batch size."""
    built, peaks = {}, {}
    for line in sys.stdin:
        work, batch, calls = line.split()
        key = work, int(batch)
        if key not in built:
            reset_peak()
            built[key] = build(*key)
            time_calls(built[key], 2)
            peaks[key] = resident_peak_mb()
        seconds = time_calls(built[key], int(calls))
        print(json.dumps({"seconds": seconds, "peak_mb": peaks[key]}), flush=True)


if __name__ == "__main__":
    main()
