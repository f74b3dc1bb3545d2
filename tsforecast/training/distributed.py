"""Training on several devices at once through ``tf.distribute``: each takes its share of every batch.

The global batch is the single run's batch in the single run's order, cut into equal shares, and the gradient is the
mean over the shares, so that the loss curve is the single run's. The strategy is set for the whole process, as
precision and seed are, and reset by the next job.
"""

from collections.abc import Callable
from typing import Any

import keras

from tsforecast.errors import UserError


def create(name: str) -> Any:
    """Makes a strategy; for ``multi_worker`` this must come before TensorFlow makes its first tensor.

    Args:
        name: ``single``; ``mirrored`` over all GPUs of this machine (over all logical CPUs where there is none);
            ``multi_worker`` over the processes that the environment variable TF_CONFIG names.

    Returns: the strategy, None for ``single``.

    Raises:
        UserError: the backend is not TensorFlow, or TF_CONFIG names no cluster.
    """
    if name == "single":
        return None
    if keras.config.backend() != "tensorflow":
        raise UserError(f"device.strategy={name} needs backend=tensorflow; use device.strategy=single.")
    return _mirrored() if name == "mirrored" else _multi_worker()


def use(strategy: Any) -> None:
    """Sets the strategy of this process, or none; comes after ``clear_session``, which forgets it."""
    if strategy is None and not distributed():
        return
    import tensorflow as tf

    tf.distribute.experimental_set_strategy(strategy)


def _mirrored() -> Any:
    import tensorflow as tf

    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def _multi_worker() -> Any:
    import tensorflow as tf

    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    if not resolver.cluster_spec().as_dict():
        raise UserError(
            "device.strategy=multi_worker needs TF_CONFIG in the environment of every worker, with the addresses of "
            "all of them and the index of this one."
        )
    return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)


def replicas() -> int:
    """Devices that train together; 1 without a strategy."""
    if keras.config.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return tf.distribute.get_strategy().num_replicas_in_sync if tf.distribute.has_strategy() else 1


def distributed() -> bool:
    """Whether a strategy is set, be it over one device only."""
    if keras.config.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return tf.distribute.has_strategy()


def worker() -> int:
    """The index of this worker; 0, the chief, is the one that writes the run's folder."""
    if not distributed():
        return 0
    import tensorflow as tf

    resolver = tf.distribute.get_strategy().cluster_resolver
    return 0 if resolver is None else int(resolver.task_id or 0)


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
    if not distributed() or not (optimizer.clipnorm or optimizer.global_clipnorm or optimizer.clipvalue):
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

    strategy, count = tf.distribute.get_strategy(), replicas()
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
