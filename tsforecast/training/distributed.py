"""Training on several devices at once through ``tf.distribute``: each takes its share of every batch.

The global batch is the single run's batch in the single run's order, cut into equal shares, and the gradient is the
mean over the shares, so that the loss curve is the single run's. The strategy is set for the whole process, as
precision and seed are, and reset by the next job.
"""

from collections.abc import Callable
from typing import Any

from tsforecast.distribution import is_distributed, replica_count
from tsforecast.errors import UserError


def on_all_devices(step: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
    """A train step that every device runs on its share, with the mean of what they log.

    In place of Keras' own, which reduces the logs of several workers along an axis that a number does not have.
    """
    import tensorflow as tf

    strategy = tf.distribute.get_strategy()

    def together(data: Any) -> dict[str, Any]:
        logs = strategy.run(step, args=(data,))
        return {name: strategy.reduce("MEAN", value, axis=None) for name, value in logs.items()}

    return together


def clip_whole_gradients(optimizer: Any) -> None:
    """Makes an optimizer clip the gradient of the whole batch, as a single device does.

    Keras clips each device's share before it adds the shares up: the sum then depends on how many there are.
    """
    if not is_distributed() or not (optimizer.clipnorm or optimizer.global_clipnorm or optimizer.clipvalue):
        return
    import tensorflow as tf

    clip = optimizer._clip_gradients

    def clipped(shares: list[Any]) -> list[Any]:
        context = tf.distribute.get_replica_context()
        whole = clip(context.all_reduce(tf.distribute.ReduceOp.SUM, shares))
        # Keras adds them up over the devices again.
        return [gradient / context.num_replicas_in_sync for gradient in whole]

    optimizer._clip_gradients = clipped


def spread(dataset: Callable[[], Any], batch_size: int) -> Any:
    """A distributed data set in which each device gets its share of every batch.

    Args:
        dataset: makes the ``tf.data.Dataset`` of whole batches; called once a worker.
        batch_size: windows of a whole batch.

    Raises:
        UserError: the devices cannot share a batch evenly.
    """
    import tensorflow as tf

    strategy, count = tf.distribute.get_strategy(), replica_count()
    share, rest = divmod(batch_size, count)
    if rest:
        raise UserError(
            f"training.batch_size={batch_size} cannot be shared by {count} devices: use a multiple of {count}."
        )

    def of_worker(context: Any) -> Any:
        local = count // context.num_input_pipelines
        first = context.input_pipeline_id * local * share

        def cut(*batch: Any) -> Any:
            parts = [
                tf.reshape(array[first : first + local * share], [local, share, *array.shape[1:]])
                for array in batch
            ]
            return tf.data.Dataset.from_tensor_slices(tuple(parts))

        return dataset().flat_map(cut).prefetch(2 * local)

    return strategy.distribute_datasets_from_function(of_worker)
