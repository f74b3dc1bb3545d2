"""A train step with the batch split over the CPU's cores.

One XLA program keeps about one core busy at the sizes forecasters have. So the batch is cut into parts of nearly
equal size, each part is one call of the same compiled function, and TensorFlow runs the calls side by side. The
gradient of a mean over the batch is the mean of the parts' gradients weighted by their sizes, so the result is the
unsharded one.

Calls run side by side only if no call writes a variable. Variables therefore enter and leave the compiled functions
as tensors (``keras.StatelessScope``) and are written once, after all parts. Random layers draw different numbers in
each part: the seed's first word is shifted by a constant per part, and part 0 draws what an unsharded step would.
"""

import operator

import keras

from tsforecast.inference.compiled import compiles_whole
from tsforecast.inference.sharding import check_shards, join_parts, split_batch

_SEED_SHIFT = (
    0x9E3779B9  # 2**32 / golden ratio: part k never meets the seed of part 0 of a neighbouring layer.
)


def needs_whole_batch(model: keras.Model) -> str | None:
    """Name the first layer whose training result depends on the batch as a whole, so that parts would change it.

    These are batch normalisation that is being trained and stateful recurrent layers; a layer of one's own says so
    itself by ``needs_whole_batch``.

    Args:
        model: Any Keras model.

    Returns:
        The layer's name, or None when the batch may be split freely.
    """
    for layer in model._flatten_layers():
        learns_statistics = isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
        if getattr(layer, "needs_whole_batch", learns_statistics or getattr(layer, "stateful", False)):
            return layer.name
    return None


def sharded_train_step(trainer: keras.Model, data, shards: int) -> dict:
    """One train step as Keras' own ``train_step``, with the batch in ``shards`` parts; to be called from it.

    The model must be compiled with ``jit_compile=False``: the parts are compiled here, and a step that is one
    program would run on one core. The loss must be a mean over the rows of the batch, and computing it must write no
    variable. In half precision each part rounds its gradients, so they agree to that precision only.

    Args:
        trainer: A built and compiled Keras model. Its compiled function is made once and kept on it.
        data: ``x``, ``(x, y)`` or ``(x, y, sample_weight)``; each a tensor or a structure of them, batch first.
        shards: Number of parts, at least 1; a batch of fewer rows still works.

    Returns:
        The metrics, loss included, as ``trainer.compute_metrics`` returns them.

    Raises:
        UserError: ``shards`` is below 1.

    Source: Keras' ``backend/tensorflow/trainer.py``, from which the order of loss tracking and metrics is taken.
    """
    check_shards(shards)
    compiled = getattr(trainer, "_sharded_gradients", None)
    if compiled is None or not compiled.fits():
        compiled = trainer._sharded_gradients = _Gradients(trainer)
    return compiled.step(keras.utils.unpack_x_y_sample_weight(data), shards)


class _Gradients:
    """The compiled gradient of one part, and the step around it. A plain object, so that Keras does not save it."""

    def __init__(self, trainer):
        import tensorflow as tf

        self.trainer = trainer
        self.traced_for = self._traced_for()
        self.function = tf.function(self._part, jit_compile=compiles_whole(trainer), autograph=False)
        self.updated = []  # Positions of the non-trainable variables that the forward pass writes.

    def fits(self):
        """Whether the function still serves: another compile() or frozen layers need another trace."""
        now = self._traced_for()
        return len(now) == len(self.traced_for) and all(map(operator.is_, now, self.traced_for))

    def _traced_for(self):
        return [self.trainer._compile_loss, *self.trainer.trainable_variables]

    def _part(self, batch, trainable, state, loss_scale):
        """Loss, gradients, predictions and written variables of one part; writes nothing."""
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

    def step(self, batch, shards):
        import tensorflow as tf

        trainer, optimizer = self.trainer, self.trainer.optimizer
        if not optimizer.built:
            with tf.init_scope():
                optimizer.build(trainer.trainable_variables)
        # Read once, so that all parts see the same values and depend on nothing that is written later.
        trainable = [tf.convert_to_tensor(v.value) for v in trainer.trainable_variables]
        state = [tf.convert_to_tensor(v.value) for v in trainer.non_trainable_variables]
        loss_scale = tf.convert_to_tensor(optimizer.scale_loss(tf.ones([])))
        parts, sizes, rows = split_batch(batch, shards)
        weights = [tf.cast(size, "float32") / tf.cast(rows, "float32") for size in sizes]
        # Each part's loss is weighted before its gradient is taken: so, up to the last sum, every number in the
        # backward pass is that of the whole batch, and half precision overflows no sooner.
        results = [
            self.function(part, trainable, self._shifted(state, k), loss_scale * weights[k])
            for k, part in enumerate(parts)
        ]
        losses, gradients, predictions, updates = zip(*results, strict=True)
        trainer._loss_tracker.update_state(_weighted(losses, weights), sample_weight=rows)
        summed = [tf.add_n(of_one) for of_one in zip(*gradients, strict=True)]
        optimizer.apply(summed, trainer.trainable_variables)
        self._write_state(updates, weights)
        x, y, sample_weight = batch
        return trainer.compute_metrics(x, y, join_parts(predictions, sizes), sample_weight)

    def _seeds(self):
        """Positions of the random layers' states among the non-trainable variables."""
        seeds = {id(layer_seed) for layer_seed in _seed_states(self.trainer)}
        return [i for i, v in enumerate(self.trainer.non_trainable_variables) if id(v) in seeds]

    def _shifted(self, state, part):
        if part == 0:
            return state
        import tensorflow as tf

        seeds, shift = set(self._seeds()), [part * _SEED_SHIFT, 0]
        return [tf.add(value, shift) if i in seeds else value for i, value in enumerate(state)]

    def _write_state(self, updates, weights):
        """Statistics become the mean over the parts; counters and seeds advance as in part 0."""
        variables = self.trainer.non_trainable_variables
        for position, values in zip(self.updated, zip(*updates, strict=True), strict=True):
            variable = variables[position]
            is_float = keras.backend.is_float_dtype(variable.dtype)
            variable.assign(_weighted(values, weights) if is_float else values[0])


def _seed_states(model):
    """The state variables of all seed generators of a model."""
    for layer in model._flatten_layers():
        for generator in layer._seed_generators:
            yield generator.state


def _weighted(values, weights):
    import tensorflow as tf

    if len(values) == 1:
        return values[0]
    return tf.add_n(
        [value * tf.cast(weight, value.dtype) for value, weight in zip(values, weights, strict=True)]
    )
