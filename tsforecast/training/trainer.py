"""One step of the training loop: forward pass, loss, gradient and update of a forecaster."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import keras
from keras import ops

from tsforecast.data.batches import numpy_batches, tf_dataset
from tsforecast.distribution import is_distributed, replica_count
from tsforecast.inference.sharding import default_shards
from tsforecast.layers.window_features import count_steps, thin_steps
from tsforecast.losses import Loss
from tsforecast.models.forecaster import Forecaster
from tsforecast.objective import Objective, SoftSpikes
from tsforecast.training.distributed import clip_whole_gradients, distribute_batches, run_on_all_devices
from tsforecast.training.observed import accumulate_observed, observed_share, weigh_by_observed
from tsforecast.training.sharded_step import needs_whole_batch, sharded_train_step
from tsforecast.typing import Tensor

if TYPE_CHECKING:
    from tsforecast.data.windows import Windows
    from tsforecast.training.options import TrainingOptions

LearningRate: TypeAlias = float | keras.optimizers.schedules.LearningRateSchedule


class Trainer(keras.Model):
    """The Keras model that ``fit`` trains: a forecaster, its loss and its supervision.

    The loss (see ``Objective``) is the mean over the observed truths of the batch, as in validation; unobserved ones
    (NaN) are left out. Parts of a batch, devices and the batches of one update count by their observed truths.

    Args:
        forecaster: Model to train; the trainer has the same weights.
        loss: Element-wise loss of the forecast.
        dense_from: First step of the window to score (dense supervision), or None to score its last step only.
        shards: Parts of a batch that a CPU with TensorFlow computes in parallel; 0 for Keras' own step.
        soft_share: Weight of the teacher in the targets of a student, see ``data.soft_targets``; None without one.

    Attributes:
        waited_seconds: Seconds that steps have waited for their batch.
        rate: Learning rate or schedule that the optimizer was created with.

    Example:
        >>> import numpy as np
        >>> from tsforecast.losses import SquaredError
        >>> from tsforecast.models.nlinear import NLinear
        >>> from tsforecast.models.task import Task
        >>> model = NLinear(Task(lookback=4, channels=1, lead=1, horizon=1, target_indices=(0,)))
        >>> trainer = Trainer(model, SquaredError())
        >>> trainer.compile(optimizer=keras.optimizers.SGD(0.1), jit_compile=False)
        >>> past, truth = np.ones((8, 4, 1), "float32"), np.ones((8, 1, 1), "float32")
        >>> float(trainer.train_on_batch(past, truth))  # a constant series is forecast without an error
        0.0
    """

    def __init__(
        self,
        forecaster: Forecaster,
        loss: Loss,
        *,
        dense_from: int | None = None,
        shards: int = 1,
        soft_share: float | None = None,
    ):
        super().__init__()
        self.forecaster = forecaster
        self.sequence = None if dense_from is None else forecaster.sequence_model()
        self.objective = Objective(forecaster, loss)
        self.dense_from = dense_from
        if self.sequence is not None and dense_from is not None:
            outputs, scored = keras.tree.flatten(self.sequence.output), forecaster.task.lookback - dense_from
            self.scored_steps = count_steps(scored, forecaster.sequence_stride, outputs[0].shape[1])
        self.soft_share = soft_share
        self.shards = shards if needs_whole_batch(forecaster) is None else 1
        self.waited_seconds = 0.0
        self.train_function: Callable[[Iterator[Any]], dict[str, Tensor]] | None = None
        self.batch_share: Tensor = None  # observed share of the truths of the batch in train_step
        self.rate: LearningRate | None = None

    def call(self, past: Tensor, training: bool | None = None) -> Tensor:
        """Return the forecast; under dense supervision, while training, that of each scored step.

        Returns: ``[B, H, T(, Q)]``, or ``[B, S, H, T(, Q)]`` for S scored steps.
        """
        if training and self.sequence is not None:
            outputs = self.sequence(past, training=True)
            return keras.tree.map_structure(lambda output: output[:, -self.scored_steps :], outputs)
        return self.forecaster(past, training=training)

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Tensor = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        """Return the mean loss of the observed truths of a batch; 0 if there are none."""
        origin = self.objective.origin(x, None if self.sequence is None else y.shape[1])
        if origin is not None:
            origin = self._scored(origin)
        y, soft = self._split_targets(y)
        observed = ops.isfinite(y)
        # The truth is replaced before the loss is computed: NaN * 0 is NaN, in the gradient too.
        losses = self.objective(ops.where(observed, y, 0.0), y_pred, origin, soft)
        mean = ops.mean(ops.where(observed, losses, 0.0))
        if not is_distributed():
            return mean / observed_share(y)
        # Devices that train together sum their gradients, so each contributes its share of the mean.
        share = observed_share(y) if self.batch_share is None else self.batch_share
        return mean / share / replica_count()

    def observed_share(self, y: Tensor) -> Tensor:
        """Return the share of the truths that the loss averages over, see ``training.observed``."""
        return observed_share(self._split_targets(y)[0])

    def _split_targets(self, y: Tensor) -> tuple[Tensor, SoftSpikes | None]:
        """Return the targets of a batch, and of a student the truths and the teacher's probabilities of a spike.

        Those of steps at which the model has no forecast are left out.
        """
        y = self._scored(y)
        count = len(self.forecaster.task.target_indices)
        if self.soft_share is None:
            return y, None
        truth, spikes = y[..., count : 2 * count], y[..., 2 * count :]
        return y[..., :count], SoftSpikes(truth, spikes, self.soft_share)

    def _scored(self, values: Tensor) -> Tensor:
        """Return what a batch has of the scored steps, of ``[B, L - dense_from, ...]``."""
        if self.sequence is None:
            return values
        return thin_steps(values, self.forecaster.sequence_stride, self.scored_steps)

    def train_step(self, *arguments: Any) -> dict[str, Tensor]:
        """Compute loss and gradient of a batch and update the weights; in shards on a CPU with TensorFlow."""
        on_tensorflow = keras.config.backend() == "tensorflow"
        self.batch_share = self.observed_share(arguments[-1][1])
        try:
            if on_tensorflow and self.shards >= 1 and not is_distributed() and not self._on_accelerator():
                return sharded_train_step(self, arguments[0], self.shards)
            return super().train_step(*arguments)
        finally:
            self.batch_share = None

    def compile(self, *arguments: Any, **named: Any) -> None:
        """Compile as Keras does; the logged loss and accumulated gradients count observed truths alone."""
        optimizer = named.get("optimizer", arguments[0] if arguments else None)
        if isinstance(optimizer, keras.optimizers.Optimizer) and not optimizer.built:
            accumulate_observed(optimizer, self._current_share)
        super().compile(*arguments, **named)
        weigh_by_observed(self._loss_tracker, self._current_share)

    def _current_share(self) -> Tensor:
        return 1.0 if self.batch_share is None else self.batch_share

    def make_train_function(self, force: bool = False) -> Callable[..., Any]:
        """Compile the step; on TensorFlow the batch is fetched outside of it, so that the wait can be measured."""
        if keras.config.backend() != "tensorflow":
            return super().make_train_function(force)
        if self.train_function is None or force:
            import tensorflow as tf

            on_device = run_on_all_devices(self.train_step) if is_distributed() else self.train_step
            step = tf.function(on_device, reduce_retracing=True, autograph=False)

            def train_function(iterator: Iterator[Any]) -> dict[str, Tensor]:
                began = time.perf_counter()
                data = next(iterator)
                self.waited_seconds += time.perf_counter() - began
                return step(data)

            self.train_function = train_function
        return self.train_function

    def measure_wait(self, batches: Iterator[Any]) -> Iterator[Any]:
        """Yield the same batches and add each wait for one to ``waited_seconds``, for other backends."""
        while True:
            began = time.perf_counter()
            batch = next(batches, None)
            self.waited_seconds += time.perf_counter() - began
            if batch is None:
                return
            yield batch

    def _maybe_symbolic_build(self, iterator: Iterator[Any] | None = None, data_batch: Any = None) -> None:
        """Skip Keras' build on a first batch, which several workers share; everything is built already."""
        if not is_distributed():
            super()._maybe_symbolic_build(iterator=iterator, data_batch=data_batch)

    @staticmethod
    def _on_accelerator() -> bool:
        import tensorflow as tf

        return bool(tf.config.list_logical_devices("GPU"))


def compile_trainer(
    trainer: Trainer, optimizer: keras.optimizers.Optimizer, rate: LearningRate, batch_size: int
) -> Trainer:
    """Compile and build a trainer, and return it.

    Args:
        trainer: Trainer of a forecaster.
        optimizer: Optimizer, not built yet.
        rate: Learning rate or schedule that the optimizer was created with.
        batch_size: Windows per batch.
    """
    clip_whole_gradients(optimizer)
    # Without a loss here, which Keras would try on a forecast that is not the one for training. On TensorFlow the
    # shards are compiled one by one; on other backends Keras decides.
    jit_compile = False if keras.config.backend() == "tensorflow" else "auto"
    trainer.compile(optimizer=optimizer, jit_compile=jit_compile)
    trainer.rate = rate
    task = trainer.forecaster.task
    trainer.build((batch_size, task.lookback, task.channels))
    trainer.optimizer.build(trainer.trainable_variables)
    return trainer


def shard_count(options: TrainingOptions) -> int:
    """Return the number of parts that a batch is cut into."""
    if options.shards:
        return options.shards
    return default_shards(options.batch_size) if keras.config.backend() == "tensorflow" else 1


def first_scored_step(options: TrainingOptions, has_sequence: bool) -> int | None:
    """Return the first step of the window that training scores, or None if it scores the last step only."""
    return options.warmup_steps if options.supervision == "dense" and has_sequence else None


def train_batches(
    trainer: Trainer, windows: Windows, batch_size: int, seed: int
) -> Callable[[int], Iterator[Any]]:
    """Return a function that maps a batch number to the endless training batches from there on.

    Args:
        trainer: Trainer that the batches are for.
        windows: Training windows.
        batch_size: Windows per batch.
        seed: Random seed for the order of the windows.
    """
    on_tensorflow = keras.config.backend() == "tensorflow"
    source = tf_dataset if on_tensorflow else numpy_batches

    def batches_from(start_step: int) -> Any:
        options: dict[str, Any] = {
            "batch_size": batch_size,
            "seed": seed,
            "start_step": start_step,
            "dense_from": trainer.dense_from,
        }
        if is_distributed():
            return distribute_batches(lambda: source(windows, **options), batch_size)
        batches = source(windows, **options)
        # On TensorFlow the trainer fetches the batches itself, and measures the wait.
        return batches if on_tensorflow else trainer.measure_wait(batches)

    return batches_from
