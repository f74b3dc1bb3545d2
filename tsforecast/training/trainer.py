"""The Keras model that ``fit`` drives: a forecaster, a loss, the supervision, and how a step is computed."""

import time
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from tsforecast.distribution import is_distributed, replica_count
from tsforecast.losses import Loss
from tsforecast.models.forecaster import Forecaster
from tsforecast.training.distributed import on_all_devices
from tsforecast.training.objective import Objective
from tsforecast.training.sharded_step import needs_whole_batch, sharded_train_step


class Trainer(keras.Model):
    """Trains a forecaster under ``fit``.

    The loss (see ``objective``) is the mean over the batch, the steps scored, the horizon and the targets; an
    unobserved truth (NaN) counts as zero in it. The divisor is therefore fixed by the shapes, and a batch's loss is
    exactly the mean over its parts.

    Args:
        forecaster: the model to train; its weights are the trainer's.
        loss: element-wise, see ``losses``.
        dense_from: the first step of the window to score (dense supervision), or None to score its last step only.
        shards: parts that a batch is cut into on a CPU with TensorFlow, each a compiled call; 1 for Keras' own step.
    """

    def __init__(self, forecaster: Forecaster, loss: Loss, *, dense_from: int | None = None, shards: int = 1):
        super().__init__()
        self.forecaster = forecaster
        self.sequence = None if dense_from is None else forecaster.sequence_model()
        self.objective = Objective(forecaster, loss)
        self.dense_from = dense_from
        self.shards = shards if needs_whole_batch(forecaster) is None else 1
        self.waited_seconds = 0.0
        self.train_function: Any = None
        self.rate: Any = None  # the learning rate or its schedule, as the optimizer was given it

    def call(self, past: Any, training: bool | None = None) -> Any:
        """The forecast; while training under dense supervision that of each step scored, ``[B, S, H, T(, Q)]``."""
        if training and self.sequence is not None:
            return self.sequence(past, training=True)[:, self.dense_from :]
        return self.forecaster(past, training=training)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The mean loss, see the class."""
        observed = ops.isfinite(y)
        # The truth is replaced before the loss, not the loss after it: NaN * 0 is NaN, in the gradient too.
        origin = self.objective.origin(x, None if self.sequence is None else y.shape[1])
        losses = self.objective(ops.where(observed, y, 0.0), y_pred, origin)
        mean = ops.mean(ops.where(observed, losses, 0.0))
        # Devices that train together add their gradients up, so that each gives its share of the mean.
        return mean / replica_count() if is_distributed() else mean

    def train_step(self, *arguments: Any) -> Any:
        """One update; on TensorFlow and a CPU in shards."""
        on_tensorflow = keras.config.backend() == "tensorflow"
        if on_tensorflow and self.shards >= 1 and not is_distributed() and not self._on_accelerator():
            return sharded_train_step(self, arguments[0], self.shards)
        return super().train_step(*arguments)

    def make_train_function(self, force: bool = False) -> Any:
        """On TensorFlow, takes the batch outside the compiled step, so that the wait for it can be told."""
        if keras.config.backend() != "tensorflow":
            return super().make_train_function(force)
        if self.train_function is None or force:
            import tensorflow as tf

            on_device = on_all_devices(self.train_step) if is_distributed() else self.train_step
            step = tf.function(on_device, reduce_retracing=True, autograph=False)

            def train_function(iterator: Any) -> Any:
                began = time.perf_counter()
                data = next(iterator)
                self.waited_seconds += time.perf_counter() - began
                return step(data)

            self.train_function = train_function
        return self.train_function

    def timed(self, batches: Iterator[Any]) -> Iterator[Any]:
        """The same batches, each wait for one added to ``waited_seconds``; for backends whose ``fit`` takes them."""
        while True:
            began = time.perf_counter()
            batch = next(batches, None)
            self.waited_seconds += time.perf_counter() - began
            if batch is None:
                return
            yield batch

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        """Nothing is left to build here; Keras would try to, on a batch whose shares lie with several workers."""
        if not is_distributed():
            super()._maybe_symbolic_build(iterator=iterator, data_batch=data_batch)

    @staticmethod
    def _on_accelerator() -> bool:
        import tensorflow as tf

        return bool(tf.config.list_logical_devices("GPU"))
