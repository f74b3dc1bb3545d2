"""A train step of our PatchTST beside one of its authors' code, in turns, at the sizes of the published ETTh1 runs.

    git clone https://github.com/yuqinie98/PatchTST CLONE
    python -m benchmarks.official_patchtst CLONE --peers-python PATH

Both: batch 128 (and 32), 7 channels, lookback 336 (or ``--lookback``), horizon 96, width 16, 4 heads, 3 blocks, inner
width 128, dropout 0.3, Adam, mean squared error. Theirs also carries attention scores from block to block.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

from benchmarks.contender import answer, keras_step
from benchmarks.turns import Contender, in_turns

CHANNELS, HORIZON, RATE = 7, 96, 1e-4
CODE = "PatchTST_supervised"
FIND_TORCH = "import sys; from importlib.util import find_spec; sys.exit(find_spec('torch') is None)"
WIDTHS = {"d_model": 16, "d_ff": 128, "dropout": 0.3, "patch_len": 16}


def ours(lookback):
    """Builds our step of a batch, as a run sets it up."""
    from tsforecast import runtime

    runtime.initialize(
        backend="tensorflow", seed=0, policy="float32", kind="auto", memory_gb=None, threads=None
    )
    import keras
    import numpy as np

    from tsforecast.inference.sharding import default_shards
    from tsforecast.models.patchtst import PatchTST
    from tsforecast.models.task import Task

    def build(work, batch):
        task = Task(lookback, CHANNELS, 1, HORIZON, tuple(range(CHANNELS)))
        draw = np.random.default_rng(0)
        shapes = (batch, lookback, CHANNELS), (batch, HORIZON, CHANNELS)
        past, truth = (draw.normal(size=shape).astype(np.float32) for shape in shapes)
        model = PatchTST(task, heads=4, **WIDTHS)
        return keras_step(model, keras.optimizers.Adam(RATE), past, truth, default_shards(batch))

    return build


def theirs(lookback, clone, threads):
    """Builds their step of a batch."""
    sys.path.insert(0, str(Path(clone, CODE)))
    import torch
    from models.PatchTST import Model

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    said = {
        **WIDTHS,
        "enc_in": CHANNELS,
        "seq_len": lookback,
        "pred_len": HORIZON,
        "e_layers": 3,
        "n_heads": 4,
        "fc_dropout": 0.3,
        "head_dropout": 0.0,
        "individual": 0,
        "stride": 8,
        "padding_patch": "end",
        "revin": 1,
        "affine": 0,
        "subtract_last": 0,
        "decomposition": 0,
        "kernel_size": 25,
    }

    def build(work, batch):
        network = Model(SimpleNamespace(**said)).train()
        past, truth = torch.randn(batch, lookback, CHANNELS), torch.randn(batch, HORIZON, CHANNELS)
        optimizer = torch.optim.Adam(network.parameters(), RATE)

        def step():
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(network(past), truth)
            loss.backward()
            optimizer.step()
            return loss.item()

        return step

    return build


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clone", help="folder of their repository")
    parser.add_argument("--peers-python", default=sys.executable, help="an interpreter with PyTorch")
    parser.add_argument("--lookback", type=int, default=336)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--only", choices=["ours", "theirs"], help="work as one of the two (used by itself)")
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args(arguments)
    if not Path(asked.clone, CODE, "models", "PatchTST.py").is_file():
        parser.error(f"{asked.clone} is no clone of github.com/yuqinie98/PatchTST: it holds no {CODE}.")
    if not asked.only and subprocess.run([asked.peers_python, "-c", FIND_TORCH]).returncode:
        parser.error(
            f"{asked.peers_python} has no PyTorch: name an interpreter that has it with --peers-python."
        )
    if asked.only:
        answer(
            ours(asked.lookback)
            if asked.only == "ours"
            else theirs(asked.lookback, asked.clone, asked.threads)
        )
        return
    said = ["-m", "benchmarks.official_patchtst", asked.clone, "--lookback", asked.lookback]
    everyone = [Contender("ours", [sys.executable, *said, "--only", "ours"])]
    for threads in sorted({1, os.cpu_count()}):
        command = [asked.peers_python, *said, "--only", "theirs", "--threads", threads]
        everyone.append(Contender(f"theirs, {threads} threads", command))
    cells = (("train", 32, 6), ("train", 128, 4))
    for (_, windows, _), found in zip(cells, in_turns(everyone, cells, asked.rounds), strict=True):
        best = min(one["median"] for name, one in found.items() if name != "ours")
        for name, one in found.items():
            low, median, high = (1e3 * one[key] for key in ("low", "median", "high"))
            share = one["median"] / best
            print(
                f"{windows} windows, {name}: {median:.0f} ms [{low:.0f}, {high:.0f}], {share:.2f} of theirs"
            )


if __name__ == "__main__":
    main()
