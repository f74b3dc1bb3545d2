"""A train step of our PatchTST compared with its authors' code, in turns, at the sizes of the published ETTh1 runs.

    git clone https://github.com/yuqinie98/PatchTST CLONE
    python -m benchmarks.official_patchtst CLONE --peers-python PATH

Both use batch size 128 (and 32), 7 channels, lookback 336 (or ``--lookback``), horizon 96, width 16, 4 heads, 3 blocks,
inner width 128, dropout 0.3, Adam, mean squared error. Theirs also passes attention scores from block to block.
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
    """Return a function that builds our train step, as a run sets it up."""
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
        random = np.random.default_rng(0)
        shapes = (batch, lookback, CHANNELS), (batch, HORIZON, CHANNELS)
        past, truth = (random.normal(size=shape).astype(np.float32) for shape in shapes)
        model = PatchTST(task, heads=4, **WIDTHS)
        return keras_step(model, keras.optimizers.Adam(RATE), past, truth, default_shards(batch))

    return build


def theirs(lookback, clone, threads):
    """Return a function that builds the authors' train step."""
    sys.path.insert(0, str(Path(clone, CODE)))
    import torch
    from models.PatchTST import Model

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    arguments = {
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
        network = Model(SimpleNamespace(**arguments)).train()
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
    parser.add_argument("clone", help="clone of the authors' repository")
    parser.add_argument("--peers-python", default=sys.executable, help="an interpreter with PyTorch")
    parser.add_argument("--lookback", type=int, default=336)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument(
        "--only", choices=["ours", "theirs"], help="run only one of the two (used internally)"
    )
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    if not Path(options.clone, CODE, "models", "PatchTST.py").is_file():
        parser.error(f"{options.clone} is not a clone of github.com/yuqinie98/PatchTST: it has no {CODE}.")
    if not options.only and subprocess.run([options.peers_python, "-c", FIND_TORCH]).returncode:
        parser.error(
            f"{options.peers_python} has no PyTorch: name an interpreter that has it with --peers-python."
        )
    if options.only:
        answer(
            ours(options.lookback)
            if options.only == "ours"
            else theirs(options.lookback, options.clone, options.threads)
        )
        return
    command = ["-m", "benchmarks.official_patchtst", options.clone, "--lookback", options.lookback]
    contenders = [Contender("ours", [sys.executable, *command, "--only", "ours"])]
    for threads in sorted({1, os.cpu_count()}):
        peer = [options.peers_python, *command, "--only", "theirs", "--threads", threads]
        contenders.append(Contender(f"theirs, {threads} threads", peer))
    cells = (("train", 32, 6), ("train", 128, 4))
    for (_, windows, _), results in zip(cells, in_turns(contenders, cells, options.rounds), strict=True):
        best = min(result["median"] for name, result in results.items() if name != "ours")
        for name, result in results.items():
            low, median, high = (1e3 * result[key] for key in ("low", "median", "high"))
            share = result["median"] / best
            print(
                f"{windows} windows, {name}: {median:.0f} ms [{low:.0f}, {high:.0f}], {share:.2f} of theirs"
            )


if __name__ == "__main__":
    main()
