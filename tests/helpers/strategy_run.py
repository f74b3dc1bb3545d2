"""Trains a small run under a strategy: ``python strategy_run.py STRATEGY FOLDER [overrides]``; run by the tests."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1")
ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
SMALL = [
    "data=synthetic",
    "scale=tiny",
    "training=quick",
    "tracker=none",
    "model=lstm",
    "model.units=[8]",
    "model.dense_units=[]",
    "model.dropout=0",
    "window.lookback=12",
    "training.warmup_steps=4",
    "training.validation_windows=32",
]


def main(strategy: str, folder: str, *overrides: str) -> None:
    from hydra import compose, initialize_config_dir

    from tsforecast.config import check
    from tsforecast.jobs import train

    if strategy == "mirrored":
        split_the_processor_in_two()

    def run(*overrides: str) -> None:
        with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            config = check(compose("config", overrides=list(overrides)))
        train.main(config, Path(folder))

    started = [*SMALL, f"device.strategy={strategy}", *overrides]
    if strategy != "mirrored":
        run(*started)
        return
    with interrupted_at(5):
        try:
            run(*started)
        except KeyboardInterrupt:
            run(f"resume={folder}")


@contextmanager
def interrupted_at(batch: int) -> Iterator[None]:
    """A context in which SIGTERM stops a run at ``batch``, in the middle of its first epoch."""
    from tsforecast.training.callbacks import BudgetCallback

    whole = BudgetCallback.on_train_batch_end

    def stopping(self: BudgetCallback, *arguments: object, **logs: object) -> None:
        if self.progress.batch + 1 == batch:
            os.kill(os.getpid(), signal.SIGTERM)
        whole(self, *arguments, **logs)

    BudgetCallback.on_train_batch_end = stopping
    try:
        yield
    finally:
        BudgetCallback.on_train_batch_end = whole


def split_the_processor_in_two() -> None:
    import tensorflow as tf

    (processor,) = tf.config.list_physical_devices("CPU")
    half = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(processor, [half, half])


if __name__ == "__main__":
    main(*sys.argv[1:])
