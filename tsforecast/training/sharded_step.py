"""A train step with the batch split over the cores of the CPU.

At the sizes of forecasters, one XLA program keeps about one core busy. The batch is therefore cut into parts of nearly
equal size, each part is one call of the same compiled function, and TensorFlow runs the calls in parallel. The gradient
of a mean over the batch is the mean of the parts' gradients, weighted by their sizes, or by their observed truths: the
result is that of an unsharded step.

Calls run in parallel only if no call writes a variable. Variables therefore enter and leave the compiled functions as
tensors (``keras.StatelessScope``) and are written once, after all parts. Random layers draw different numbers in each
part: the first word of the seed is shifted by a constant per part, and part 0 draws the numbers of an unsharded step.
"""

import operator
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import keras

from tsforecast.inference.compiled import compiles_whole
from tsforecast.inference.sharding import check_shards, join_parts, split_batch
from tsforecast.typing import Tensor

_SEED_SHIFT = 0x9E3779B9  # 2**32 / golden ratio: no part meets the seed of part 0 of another layer


def needs_whole_batch(model: keras.Model) -> str | None:
    """Return the name of the first layer whose result in training depends on the batch as a whole.

    These are trainable batch normalization and stateful recurrent layers; a custom layer declares it with an attribute
    ``needs_whole_batch``.

    Args:
        model: Any Keras model.

    Returns:
        The name of the layer, or None if the batch may be split.
    """
    for layer in model._flatten_layers():
        learns_statistics = isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
        if getattr(layer, "needs_whole_batch", learns_statistics or getattr(layer, "stateful", False)):
            return layer.name
    return None


def sharded_train_step(trainer: keras.Model, data: tuple[Tensor, ...], shards: int) -> dict[str, Tensor]:
    """Run one train step like Keras' own ``train_step``, from which it is called, with the batch in parts.

    The model must be compiled with ``jit_compile=False``: the parts are compiled here, and a step that is one
    program would run on one core. The loss must be a mean over the rows of the batch, or over its observed truths if
    the trainer has a method ``observed_share``, and computing it must write no variable. In half precision each part
    rounds its gradients, so they agree to that precision only.

    Args:
        trainer: Built and compiled Keras model; it keeps the compiled function.
        data: ``x``, ``(x, y)`` or ``(x, y, sample_weight)``; each a tensor or a structure of tensors, batch first.
        shards: Number of parts, at least 1; the batch may have fewer rows.

    Returns:
        The metrics including the loss, as ``trainer.compute_metrics`` returns them.

    Raises:
        UserError: ``shards`` is below 1.

    Source: Keras' ``backend/tensorflow/trainer.py``, for the order of loss tracking and metrics.
    """
    check_shards(shards)
    compiled = getattr(trainer, "_sharded_gradients", None)
    if compiled is None or not compiled.fits():
        compiled = trainer._sharded_gradients = _Gradients(trainer)
    return compiled.step(keras.utils.unpack_x_y_sample_weight(data), shards)


class _Gradients:
    """The compiled gradient of one part, and the step around it; a plain object, which Keras does not save."""

    def __init__(self, trainer: keras.Model):
        import tensorflow as tf

        self.trainer = trainer
        self.signature = self._signature()
        self.function = tf.function(self._part, jit_compile=compiles_whole(trainer), autograph=False)
        self.updated: list[int] = []  # positions of the non-trainable variables that the forward pass writes

    def fits(self) -> bool:
        """Whether the function is still valid: another compile() or frozen layers need another trace."""
        now = self._signature()
        return len(now) == len(self.signature) and all(map(operator.is_, now, self.signature))

    def _signature(self) -> list[object]:
        return [self.trainer._compile_loss, *self.trainer.trainable_variables]

    def _part(
        self, batch: tuple[Tensor, ...], trainable: list[Tensor], state: list[Tensor], loss_scale: Tensor
    ) -> tuple[Tensor, list[Tensor], Tensor, list[Tensor]]:
        """Return loss, gradients, predictions and new values of variables of one part, without writing any."""
        import tensorflow as tf

        trainer = self.trainer
        x, y, sample_weight = batch
        variables = trainer.non_trainable_variables
        mapping = [
            *zip(trainer.trainable_variables, trainable, strict=True),
            *zip(variables, state, strict=True),
        ]
        with tf.GradientTape() as tape, keras.StatelessScope(mapping, collect_losses=True) as scope:
            tape.watch(trainable)
            predictions = trainer(x, training=True)
            loss = trainer.compute_loss(x, y, predictions, sample_weight, training=True)
            scaled = tf.cast(loss, loss_scale.dtype) * loss_scale
        after = [scope.get_current_value(variable) for variable in variables]
        self.updated = [i for i, value in enumerate(after) if value is not state[i]]
        gradients = tape.gradient(scaled, trainable, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return loss, gradients, predictions, [after[i] for i in self.updated]

    def step(self, batch: tuple[Tensor, ...], shards: int) -> dict[str, Tensor]:
        """Compute the gradient of all parts, update the weights and return the metrics."""
        import tensorflow as tf

        trainer, optimizer = self.trainer, self.trainer.optimizer
        if not optimizer.built:
            with tf.init_scope():
                optimizer.build(trainer.trainable_variables)
        # Read once: all parts see the same values, and depend on nothing that is written later.
        trainable = [tf.convert_to_tensor(v.value) for v in trainer.trainable_variables]
        state = [tf.convert_to_tensor(v.value) for v in trainer.non_trainable_variables]
        loss_scale = tf.convert_to_tensor(optimizer.scale_loss(tf.ones([])))
        parts, sizes, rows = split_batch(batch, shards)
        sizes_of_rows = [tf.cast(size, "float32") / tf.cast(rows, "float32") for size in sizes]
        weights = self._loss_weights(sizes_of_rows, batch, parts)
        # Each part's loss is weighted before its gradient is computed. Up to the last sum, every number in the backward
        # pass is then that of the whole batch, and half precision does not overflow sooner.
        results = [
            self.function(part, trainable, self._shift_seeds(state, k), loss_scale * weights[k])
            for k, part in enumerate(parts)
        ]
        losses, gradients, predictions, updates = zip(*results, strict=True)
        trainer._loss_tracker.update_state(_weighted_sum(losses, weights), sample_weight=rows)
        summed = [tf.add_n(parts_of_one) for parts_of_one in zip(*gradients, strict=True)]
        with hold_learning_rate(optimizer):
            optimizer.apply(summed, trainer.trainable_variables)
        self._write_state(updates, sizes_of_rows)
        x, y, sample_weight = batch
        return trainer.compute_metrics(x, y, join_parts(predictions, sizes), sample_weight)

    def _loss_weights(
        self, sizes: list[Tensor], batch: tuple[Tensor, ...], parts: list[tuple[Tensor, ...]]
    ) -> list[Tensor]:
        """Return the weight of each part in the loss of the batch, given its share of the rows."""
        share = getattr(self.trainer, "observed_share", None)
        if share is None:
            return sizes
        whole = share(batch[1])
        return [size * share(part[1]) / whole for size, part in zip(sizes, parts, strict=True)]

    def _seed_positions(self) -> list[int]:
        """Return the positions of the random layers' states among the non-trainable variables."""
        seeds = {id(layer_seed) for layer_seed in _seed_states(self.trainer)}
        return [i for i, v in enumerate(self.trainer.non_trainable_variables) if id(v) in seeds]

    def _shift_seeds(self, state: list[Tensor], part: int) -> list[Tensor]:
        if part == 0:
            return state
        import tensorflow as tf

        seeds, shift = set(self._seed_positions()), [part * _SEED_SHIFT, 0]
        return [tf.add(value, shift) if i in seeds else value for i, value in enumerate(state)]

    def _write_state(self, updates: Sequence[list[Tensor]], weights: list[Tensor]) -> None:
        """Set statistics to the mean over the parts; advance counters and seeds as in part 0."""
        variables = self.trainer.non_trainable_variables
        for position, values in zip(self.updated, zip(*updates, strict=True), strict=True):
            variable = variables[position]
            is_float = keras.backend.is_float_dtype(variable.dtype)
            variable.assign(_weighted_sum(values, weights) if is_float else values[0])


@contextmanager
def hold_learning_rate(optimizer: keras.optimizers.Optimizer) -> Iterator[None]:
    """Evaluate the schedule of the learning rate once for all updates in the block.

    Keras' weight decay evaluates it for each variable, which takes longer to trace than the updates themselves.

    Args:
        optimizer: Optimizer, with or without a schedule.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # of one that scales the loss
    rate = inner.learning_rate
    inner._get_current_learning_rate = lambda: rate
    try:
        yield
    finally:
        del inner._get_current_learning_rate


def _seed_states(model: keras.Model) -> Iterator[keras.Variable]:
    """Yield the state variables of all seed generators of a model."""
    for layer in model._flatten_layers():
        for generator in layer._seed_generators:
            yield generator.state


def _weighted_sum(values: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
    import tensorflow as tf

    if len(values) == 1:
        return values[0]
    return tf.add_n(
        [value * tf.cast(weight, value.dtype) for value, weight in zip(values, weights, strict=True)]
    )
