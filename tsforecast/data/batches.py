"""Training pipelines: the same stream of batches for tf.data, for NumPy and for a test's plain loop."""

import queue
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tsforecast.data.window_order import draw_series, epoch_order
from tsforecast.data.windows import Windows
from tsforecast.errors import UserError
from tsforecast.storage.rows import shareable
from tsforecast.typing import Tensor

if TYPE_CHECKING:
    import tensorflow as tf

Batch = tuple[np.ndarray, np.ndarray]
PREFETCH = 8  # batches gathered ahead
THREADS = 2  # that gather; one batch takes a fraction of a millisecond
BLOCK_STEPS = 4096  # batches whose windows are drawn at once


def block_ends(
    windows: Windows, block: int, *, batch_size: int, seed: int, shuffle: bool = True
) -> np.ndarray:
    """Return the last input rows of a block of batches ``[steps, batch_size]``.

    The order depends on ``seed`` and the epoch alone, so a stream that starts at a later step is the rest
    of the uninterrupted one. Windows that do not fill a last batch are left out: every batch has one size.

    Args:
        windows: of one split.
        block: number of the block, over all epochs; the last one of an epoch may be shorter.
        batch_size: windows in a batch.
        seed: Random seed for the batch order, 0 or more.
        shuffle: False for the order of time.

    Raises:
        UserError: if there are fewer windows than a batch holds.
    """
    steps = steps_per_epoch(windows, batch_size)
    epoch, number = divmod(block, blocks_per_epoch(steps))
    part = slice(number * BLOCK_STEPS * batch_size, min((number + 1) * BLOCK_STEPS, steps) * batch_size)
    if not shuffle:
        order = np.arange(part.start, part.stop)
    elif windows.starts is not None:
        order = draw_series(np.asarray(windows.ends), windows.starts, seed, epoch)[part]
    else:
        order = epoch_order(len(windows), seed, epoch, part)
    return windows.ends[order].reshape(-1, batch_size)


def blocks_per_epoch(steps: int) -> int:
    """Return the number of blocks of an epoch with that many batches."""
    return -(-steps // BLOCK_STEPS)


def first_block(start_step: int, steps: int) -> tuple[int, int]:
    """Return the block of a step, over all epochs, and the steps of the block before it.

    Args:
        start_step: Step, over all epochs.
        steps: Steps in an epoch.
    """
    epoch, step = divmod(start_step, steps)
    number, skipped = divmod(step, BLOCK_STEPS)
    return epoch * blocks_per_epoch(steps) + number, skipped


def steps_per_epoch(windows: Windows, batch_size: int) -> int:
    """Return the full batches in an epoch.

    Raises:
        UserError: if there is none.
    """
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise UserError(f"training.batch_size is {batch_size!r}: give a whole number of at least 1.")
    if len(windows) < batch_size:
        raise UserError(
            f"training.batch_size is {batch_size}, but the split has only {len(windows)} windows:"
            " give at most that, or more rows."
        )
    return len(windows) // batch_size


def batches(
    windows: Windows,
    *,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    shuffle: bool = True,
    dense_from: int | None = None,
    repeat: bool = True,
) -> Iterator[Batch]:
    """Yield training batches, gathered where they are asked for.

    Args:
        windows: of one split.
        batch_size: B, windows in a batch.
        seed: Random seed for the batch order.
        start_step: batches already taken, over all epochs.
        shuffle: False for the order of time.
        dense_from: the first input step whose targets are given too; None for those of the last step alone.
        repeat: False ends after the epoch in which ``start_step`` lies.

    Yields:
        float32 inputs ``[B, L, C]`` and targets ``[B, H, T]``, or ``[B, S, H, T]`` with ``dense_from``.

    Raises:
        UserError: if there are fewer windows than a batch holds.
    """
    order: dict[str, Any] = {"batch_size": batch_size, "seed": seed, "shuffle": shuffle}
    steps = steps_per_epoch(windows, batch_size)
    block, skipped = first_block(start_step, steps)
    last = None if repeat else (start_step // steps + 1) * blocks_per_epoch(steps)
    while last is None or block < last:
        for ends in block_ends(windows, block, **order)[skipped:]:
            y = windows.targets(ends) if dense_from is None else windows.dense_targets(ends, dense_from)
            yield windows.inputs(ends), y
        block, skipped = block + 1, 0


def numpy_batches(windows: Windows, **options: Any) -> Iterator[Batch]:
    """Yield what ``batches`` yields, gathered ahead by a thread, for backends without tf.data.

    The thread ends when the stream ends, is closed or is dropped; its errors are raised here.

    Args:
        windows: of one split.
        **options: those of ``batches``.
    """
    ready: queue.Queue[Any] = queue.Queue(maxsize=PREFETCH)
    stop = threading.Event()
    thread = threading.Thread(target=_fill_queue, args=(windows, options, ready, stop), daemon=True)
    thread.start()
    try:
        while True:
            item = ready.get()
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()


def _fill_queue(
    windows: Windows, options: dict[str, Any], ready: "queue.Queue[Any]", stop: threading.Event
) -> None:
    def put(item: object) -> bool:
        while not stop.is_set():
            try:
                ready.put(item, timeout=0.05)  # wakes up now and then to see whether anyone still reads
                return True
            except queue.Full:
                continue
        return False

    try:
        for batch in batches(windows, **options):
            if not put(batch):
                return
        put(None)
    except BaseException as error:
        put(error)


def tf_dataset(
    windows: Windows,
    *,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    shuffle: bool = True,
    dense_from: int | None = None,
    repeat: bool = True,
) -> "tf.data.Dataset":
    """Return what ``batches`` yields as a ``tf.data.Dataset`` that gathers in parallel.

    The arrays become one resident tensor each, or, if they are mapped files, one that shares their memory. Python is
    asked for indices only once per block; the gathers run in threads of TensorFlow and keep their order.

    Args:
        windows: of one split.
        batch_size: B, windows in a batch.
        seed: Random seed for the batch order.
        start_step: batches already taken, over all epochs.
        shuffle: False for the order of time.
        dense_from: the first input step whose targets are given too; None for those of the last step alone.
        repeat: False ends after the epoch in which ``start_step`` lies.

    Raises:
        UserError: if there are fewer windows than a batch holds.
    """
    import tensorflow as tf

    steps = steps_per_epoch(windows, batch_size)
    order: dict[str, Any] = {"batch_size": batch_size, "seed": seed, "shuffle": shuffle}
    after = windows.target_offsets if dense_from is None else windows.dense_offsets(dense_from)
    with tf.device("CPU:0"):  # tensors that the mapped function captures, not constants in its graph
        rows, truths = _tensor(windows.rows), _tensor(windows.truths)
        before, after = tf.constant(windows.input_offsets), tf.constant(after)
    first_row = windows.border[0] if dense_from is not None else 0

    def gather(ends: Tensor) -> tuple[Tensor, Tensor]:
        y_rows = tf.reshape(ends, [batch_size] + [1] * after.shape.rank) + after
        y = tf.gather(truths, y_rows)
        if first_row > 0:
            y = tf.where((y_rows < first_row)[..., None], tf.constant(float("nan"), y.dtype), y)
        return tf.gather(rows, ends[:, None] + before), y

    first, skipped = first_block(start_step, steps)

    def rest_of_block(number: int) -> np.ndarray:
        return block_ends(windows, int(number), **order)[skipped if number == first else 0 :]

    def load_block(number: Tensor) -> Tensor:
        ends = tf.numpy_function(rest_of_block, [number], tf.int64)
        return tf.ensure_shape(ends, [None, batch_size])

    last = tf.int64.max if repeat else (start_step // steps + 1) * blocks_per_epoch(steps)
    blocks = tf.data.Dataset.range(first, last).map(load_block)
    stream = blocks.prefetch(1)  # the next block is drawn while this one runs
    stream = stream.flat_map(tf.data.Dataset.from_tensor_slices)
    stream = stream.map(gather, num_parallel_calls=THREADS, deterministic=True).prefetch(PREFETCH)
    if not repeat:
        stream = stream.apply(tf.data.experimental.assert_cardinality(steps - start_step % steps))
    options = tf.data.Options()
    # Nothing is left to tune here, and the tuner's thread keeps an exiting process waiting for ten seconds or more.
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = (
        False  # they copy the tensors that are gathered from
    )
    options.threading.private_threadpool_size = THREADS  # the training step keeps TensorFlow's own pool
    options.threading.max_intra_op_parallelism = 1
    return stream.with_options(options)


def _tensor(array: np.ndarray) -> Tensor:
    """Return an array as a tensor that shares its memory if it is a mapped file, and is a copy of it otherwise."""
    import tensorflow as tf

    shared = shareable(array)
    if shared is None:
        return tf.convert_to_tensor(array)
    return tf.experimental.dlpack.from_dlpack(shared.__dlpack__())
