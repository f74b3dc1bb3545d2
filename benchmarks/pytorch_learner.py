"""The LSTM in plain PyTorch as a user would write it: loss at the last step, Adam, batches of 32, eager.

    python -m benchmarks.pytorch_learner FOLDER MINUTES

Prints its curve as a line of JSON. The time excludes scoring.
"""

import json
import os
import sys
import time

import numpy as np
import torch

from benchmarks.pytorch_models import LSTM
from benchmarks.rows import Rows

BATCH, RATE, EVERY = 32, 1e-3, 10.0  # windows, Adam's rate, seconds of training between two looks


def batches(rows, seed=0):
    """Yield batches of training windows with an observed truth without end, each window once per epoch."""
    usable = rows.train[np.isfinite(rows.truths[rows.train + rows.lead])]
    random = np.random.default_rng(seed)
    while True:
        order = random.permutation(usable)
        for first in range(0, len(order) - BATCH + 1, BATCH):
            past, truth = rows.windows(order[first : first + BATCH])
            yield torch.from_numpy(past), torch.from_numpy(truth)[:, None]


def step(network, optimizer, past, truth):
    """Run one update."""
    optimizer.zero_grad(set_to_none=True)
    torch.nn.functional.mse_loss(network(past), truth).backward()
    optimizer.step()


def score(network, rows):
    """Return the validation RMSE in the unit of the target."""
    network.eval()
    with torch.inference_mode():
        parts = np.array_split(rows.val, max(1, len(rows.val) // 256))
        forecasts = [network(torch.from_numpy(rows.windows(part)[0]))[:, 0].numpy() for part in parts]
    network.train()
    return rows.rmse(np.concatenate(forecasts))


def cores():
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def best_threads(rows, calls=12):
    """Return the faster of one thread and all cores."""
    seconds_by_threads = {}
    for threads in sorted({1, cores()}):
        torch.set_num_threads(threads)
        network = LSTM()
        optimizer, source = torch.optim.Adam(network.parameters(), RATE), batches(rows)
        seconds = []
        for _ in range(calls):
            past, truth = next(source)
            began = time.perf_counter()
            step(network, optimizer, past, truth)
            seconds.append(time.perf_counter() - began)
        seconds_by_threads[threads] = sorted(seconds)[calls // 2]
    return min(seconds_by_threads, key=seconds_by_threads.get)


def learn(rows, seconds, every=EVERY):
    """Train for a number of seconds; return (steps, seconds, curve)."""
    torch.manual_seed(0)
    network = LSTM()
    optimizer, source = torch.optim.Adam(network.parameters(), RATE), batches(rows)
    steps, spent, curve = 0, 0.0, []
    while spent < seconds:
        began, until = time.perf_counter(), min(every, seconds - spent)
        while time.perf_counter() - began < until:
            step(network, optimizer, *next(source))
            steps += 1
        spent += time.perf_counter() - began
        curve.append({"seconds": spent, "step": steps, "rmse": score(network, rows)})
    return steps, spent, curve


def main():
    rows, minutes = Rows(sys.argv[1]), float(sys.argv[2])
    threads = best_threads(rows)
    torch.set_num_threads(threads)
    steps, spent, curve = learn(rows, 60 * minutes)
    settings = f"LSTM 128-128-64, Adam {RATE:g}, batch {BATCH}, last step, {threads} threads"
    print(json.dumps({"windows_per_second": steps * BATCH / spent, "settings": settings, "curve": curve}))


if __name__ == "__main__":
    main()
