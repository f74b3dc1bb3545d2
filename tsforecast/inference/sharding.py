"""Batches in parts: how many parts, cutting a batch into them, and joining their outputs."""

import functools
import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from tsforecast.errors import UserError
from tsforecast.typing import Tensor

MIN_ROWS = 8  # Below this a part's products are too small to be worth a call.
_CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_cores() -> int:
    """Return the cores that this process may use, at least 1: its CPU affinity, limited by a container's CPU quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if _CPU_QUOTA.exists():
        allowed, period = _CPU_QUOTA.read_text().split()
        if allowed != "max":
            cores = min(cores, int(allowed) // int(period))
    return max(1, cores)


def default_shards(batch_size: int, cores: int | None = None) -> int:
    """Return as many parts as there are useful cores, with at least ``MIN_ROWS`` rows each.

    Args:
        batch_size: Rows of a batch, at least 1.
        cores: Cores to use; None takes ``usable_cores()``, limited by TensorFlow's inter-op threads where set.

    Returns:
        The number of parts, at least 1.

    Example:
        >>> default_shards(32, cores=2)
        2
        >>> default_shards(12, cores=8)
        1
    """
    if cores is None:
        threads = _inter_op_threads() if keras.config.backend() == "tensorflow" else 0
        cores = min(usable_cores(), threads) if threads else usable_cores()
    return max(1, min(cores, batch_size // MIN_ROWS))


def _inter_op_threads() -> int:
    """Return the limit on TensorFlow's parallel operations, 0 for none."""
    import tensorflow as tf

    threads = tf.config.threading.get_inter_op_parallelism_threads()
    return threads or int(os.environ.get("TF_NUM_INTEROP_THREADS") or 0)


@functools.cache  # To look at devices and cores each time takes a tenth of one window's forecast.
def forward_shards(rows: int) -> int:
    """Return the parts in which a batch is forecast: ``default_shards``, or 1 if there is a GPU.

    Args:
        rows: Rows of the batch, at least 1.
    """
    import tensorflow as tf

    return 1 if tf.config.list_logical_devices("GPU") else default_shards(rows)


def check_shards(shards: int) -> None:
    """Refuse a number of parts below 1.

    Raises:
        UserError: ``shards`` is below 1.
    """
    if shards < 1:
        raise UserError(f"shards is {shards}, but a batch has at least one part: use 1 or more.")


def split_batch(batch: Tensor, shards: int) -> tuple[list[Any], list[Any], Any]:
    """Cut a structure of tensors into parts whose sizes differ by one at most.

    A batch of fewer rows than parts gives parts of one repeated row and size 0, because a compiled mean over no
    rows would not be a number.

    Returns:
        The parts, their sizes and the rows of the batch; the sizes are Python numbers if the batch size is known.
    """
    import tensorflow as tf

    batch = keras.tree.map_structure(lambda x: None if x is None else tf.convert_to_tensor(x), batch)
    first = next(x for x in keras.tree.flatten(batch) if x is not None)
    rows = first.shape[0] if first.shape[0] is not None else tf.shape(first)[0]
    borders = [k * rows // shards for k in range(shards + 1)]
    parts, sizes = [], []
    for start, end in itertools.pairwise(borders):
        stop = tf.maximum(end, start + 1) if tf.is_tensor(rows) else max(end, start + 1)
        parts.append(
            keras.tree.map_structure(lambda x, a=start, b=stop: None if x is None else x[a:b], batch)
        )
        sizes.append(end - start)
    return parts, sizes, rows


def join_parts(parts: Sequence[Any], sizes: Sequence[Any]) -> Tensor:
    """Join the outputs of the parts that ``split_batch`` made."""
    import tensorflow as tf

    if len(parts) == 1:
        return parts[0]
    return keras.tree.map_structure(
        lambda *values: tf.concat([value[:size] for value, size in zip(values, sizes, strict=True)], 0),
        *parts,
    )
