"""The ``tf.distribute`` strategy of this process: chosen by a job, reset by the next one, as seed and precision are."""

from pathlib import Path
from typing import TYPE_CHECKING

import keras

from tsforecast.errors import UserError

if TYPE_CHECKING:
    import tensorflow as tf


def create_strategy(name: str) -> "tf.distribute.Strategy | None":
    """Create a strategy. ``multi_worker`` must be created before TensorFlow makes its first tensor.

    Args:
        name: ``single``; ``mirrored`` for all GPUs of this machine, or all logical CPUs if it has none;
            ``multi_worker`` for the processes that the environment variable TF_CONFIG names.

    Returns: the strategy, None for ``single``.

    Raises:
        UserError: the backend is not TensorFlow, or TF_CONFIG names no cluster.
    """
    if name == "single":
        return None
    if keras.config.backend() != "tensorflow":
        raise UserError(f"device.strategy={name} needs backend=tensorflow; use device.strategy=single.")
    return _mirrored_strategy() if name == "mirrored" else _multi_worker_strategy()


def set_strategy(strategy: "tf.distribute.Strategy | None") -> None:
    """Set the strategy of this process, or none. Call it after ``clear_session``, which resets the strategy."""
    if strategy is None and not is_distributed():
        return
    import tensorflow as tf

    tf.distribute.experimental_set_strategy(strategy)


def _mirrored_strategy() -> "tf.distribute.Strategy":
    import tensorflow as tf

    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def _multi_worker_strategy() -> "tf.distribute.Strategy":
    import tensorflow as tf

    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    if not resolver.cluster_spec().as_dict():
        raise UserError(
            "device.strategy=multi_worker needs TF_CONFIG in the environment of every worker, with the addresses of "
            "all of them and the index of this one."
        )
    return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)


def replica_count() -> int:
    """Return the number of devices that train together; 1 without a strategy."""
    if keras.config.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return tf.distribute.get_strategy().num_replicas_in_sync if tf.distribute.has_strategy() else 1


def is_distributed() -> bool:
    """Whether a strategy is set, even if it covers only one device."""
    if keras.config.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return tf.distribute.has_strategy()


def worker_index() -> int:
    """Return the index of this worker. Worker 0, the chief, writes the run folder."""
    if not is_distributed():
        return 0
    import tensorflow as tf

    resolver = tf.distribute.get_strategy().cluster_resolver
    return 0 if resolver is None else int(resolver.task_id or 0)


def worker_folder(path: Path) -> Path:
    """Return the folder that this process writes: that of the run, or a subfolder for a worker other than the first."""
    return path / f"worker_{worker_index()}" if worker_index() else path
