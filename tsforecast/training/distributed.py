"""Training on several devices at once through ``tf.distribute``: each takes its share of every batch.

The batch of a single device, in the same order, is cut into equal shares, and the gradient is the mean over the shares.
The loss curve is therefore that of a single device. ``tsforecast.distribution`` sets the strategy of the process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tsforecast.distribution import is_distributed, replica_count
from tsforecast.errors import UserError
from tsforecast.typing import Tensor

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

TrainStep = Callable[[object], dict[str, Tensor]]  # maps a batch to its logs


def run_on_all_devices(step: TrainStep) -> TrainStep:
    """Return a train step that every device runs on its share, and that logs the mean.

    It replaces Keras' own, which reduces the logs of several workers along an axis that a scalar does not have.
    """
    import tensorflow as tf

    strategy = tf.distribute.get_strategy()

    def run_step(data: object) -> dict[str, Tensor]:
        logs = strategy.run(step, args=(data,))
        return {name: strategy.reduce("MEAN", value, axis=None) for name, value in logs.items()}

    return run_step


def clip_whole_gradients(optimizer: keras.optimizers.Optimizer) -> None:
    """Make an optimizer clip the gradient of the whole batch, as on a single device.

    Keras clips the share of each device before it sums the shares: the result then depends on their number.
    """
    if not is_distributed() or not (optimizer.clipnorm or optimizer.global_clipnorm or optimizer.clipvalue):
        return
    import tensorflow as tf

    clip = optimizer._clip_gradients

    def clip_sum(shares: list[Tensor]) -> list[Tensor]:
        context = tf.distribute.get_replica_context()
        whole = clip(context.all_reduce(tf.distribute.ReduceOp.SUM, shares))
        # Keras sums them over the devices again.
        return [gradient / context.num_replicas_in_sync for gradient in whole]

    optimizer._clip_gradients = clip_sum


def distribute_batches(
    make_dataset: Callable[[], tf.data.Dataset], batch_size: int
) -> tf.distribute.DistributedDataset:
    """Return a distributed data set in which each device gets its share of every batch.

    Args:
        make_dataset: Creates the data set of whole batches; called once per worker.
        batch_size: Windows in a whole batch.

    Raises:
        UserError: The batch size is not a multiple of the number of devices.
    """
    import tensorflow as tf

    strategy, count = tf.distribute.get_strategy(), replica_count()
    share, rest = divmod(batch_size, count)
    if rest:
        raise UserError(
            f"training.batch_size={batch_size} cannot be shared by {count} devices: use a multiple of {count}."
        )

    def worker_dataset(context: tf.distribute.InputContext) -> tf.data.Dataset:
        local = count // context.num_input_pipelines
        first = context.input_pipeline_id * local * share

        def split(*batch: Tensor) -> tf.data.Dataset:
            parts = [
                tf.reshape(array[first : first + local * share], [local, share, *array.shape[1:]])
                for array in batch
            ]
            return tf.data.Dataset.from_tensor_slices(tuple(parts))

        return make_dataset().flat_map(split).prefetch(2 * local)

    return strategy.distribute_datasets_from_function(worker_dataset)
