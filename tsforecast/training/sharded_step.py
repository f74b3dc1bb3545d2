"""A train step and a forward pass with the batch split over the CPU's cores.

One XLA program keeps about one core busy at the sizes forecasters have. So the batch is cut into parts of nearly
equal size, each part is one call of the same compiled function, and TensorFlow runs the calls side by side. The
gradient of a mean over the batch is the mean of the parts' gradients weighted by their sizes, so the result is the
unsharded one.

Calls run side by side only if no call writes a variable. Variables therefore enter and leave the compiled functions
as tensors (``keras.StatelessScope``) and are written once, after all parts. Random layers draw different numbers in
each part: the seed's first word is shifted by a constant per part, and part 0 draws what an unsharded step would.
"""

import functools
import itertools
import operator
import os
from pathlib import Path

import keras

from tsforecast.errors import UserError

MIN_ROWS = 8  # Below this a part's products are too small to be worth a call.
_SEED_SHIFT = (
    0x9E3779B9  # 2**32 / golden ratio: part k never meets the seed of part 0 of a neighbouring layer.
)


def usable_cores() -> int:
    """Cores this process may use: its CPU affinity, and a container's CPU quota where one is set (at least 1)."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = Path("/sys/fs/cgroup/cpu.max")
    if quota.exists():
        allowed, period = quota.read_text().split()
        if allowed != "max":
            cores = min(cores, int(allowed) // int(period))
    return max(1, cores)


def default_shards(batch_size: int, cores: int | None = None) -> int:
    """As many parts as there are useful cores, with at least ``MIN_ROWS`` rows each.

    Args:
        batch_size: Rows of a batch, at least 1.
        cores: Cores to use; None takes ``usable_cores()``, limited by TensorFlow's inter-op threads where set.

    Returns:
        The number of parts, at least 1.
    """
    if cores is None:
        import tensorflow as tf

        threads = tf.config.threading.get_inter_op_parallelism_threads()
        threads = threads or int(os.environ.get("TF_NUM_INTEROP_THREADS") or 0)
        cores = min(usable_cores(), threads) if threads else usable_cores()
    return max(1, min(cores, batch_size // MIN_ROWS))


@functools.cache  # To look at devices and cores each time takes a tenth of one window's forecast.
def forward_shards(rows: int) -> int:
    """Parts of a batch in ``sharded_forward``: ``default_shards``, or 1 where there is a GPU.

    Args:
        rows: Rows of the batch, at least 1.

    Returns:
        The number of parts, at least 1.
    """
    import tensorflow as tf

    return 1 if tf.config.list_logical_devices("GPU") else default_shards(rows)


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
    _check(shards)
    compiled = getattr(trainer, "_sharded_gradients", None)
    if compiled is None or not compiled.fits():
        compiled = trainer._sharded_gradients = _Gradients(trainer)
    return compiled.step(keras.utils.unpack_x_y_sample_weight(data), shards)


def sharded_forward(model: keras.Model, x, shards: int):
    """Predictions of ``model(x, training=False)``, computed in ``shards`` parts side by side.

    Args:
        model: A built Keras model. Its compiled functions are made once and kept on it.
        x: A tensor, array or structure of them, batch first.
        shards: Number of parts, at least 1; a batch of fewer rows still works.

    Returns:
        The model's outputs for all rows, in order.

    Raises:
        UserError: ``shards`` is below 1.
    """
    _check(shards)
    compiled = getattr(model, "_sharded_forward", None)
    if compiled is None:
        compiled = model._sharded_forward = _Forward(model)
    return compiled(x, shards)


def forward_function(call, specs, shards: int, whole: bool):
    """``call(x)`` for inputs of given shapes, in ``shards`` parts side by side, ready to be called.

    With one part the program is called itself: to look it up by its arguments first, within a graph of its own, takes a
    third of the time of one window's forecast.

    Args:
        call: Maps inputs to outputs, batch first; its variables stay as they are, since calls that write none do not
            wait for each other.
        specs: A ``tf.TensorSpec`` of known shape or a structure of them: the inputs of all parts together.
        shards: Number of parts, at least 1.
        whole: Whether a part is one XLA program; else only the layers that compile themselves are.

    Returns:
        A function of tensors like ``specs``.
    """
    import tensorflow as tf

    def stateless(x):
        with keras.StatelessScope():
            return call(x)

    part = tf.function(stateless, jit_compile=whole, autograph=False)
    if shards == 1:
        return part.get_concrete_function(specs)

    def side_by_side(x):
        pieces, sizes, _ = _split(x, shards)
        return _join([part(piece) for piece in pieces], sizes)

    return tf.function(side_by_side, autograph=False).get_concrete_function(specs)


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
        parts, sizes, rows = _split(batch, shards)
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
        return trainer.compute_metrics(x, y, _join(predictions, sizes), sample_weight)

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


class _Forward:
    """The forward functions of a model, one for each shape of the inputs. A plain object, so that Keras does not save
    it.
    """

    def __init__(self, model):
        self.model = model
        self.functions = {}

    def __call__(self, x, shards):
        import tensorflow as tf

        x = keras.tree.map_structure(tf.convert_to_tensor, x)
        key = shards, tuple((tuple(part.shape), part.dtype) for part in keras.tree.flatten(x))
        if key not in self.functions:
            specs = keras.tree.map_structure(lambda part: tf.TensorSpec(part.shape, part.dtype), x)
            whole = compiles_whole(self.model, rows=keras.tree.flatten(specs)[0].shape[0])
            call = functools.partial(self.model, training=False)
            self.functions[key] = forward_function(call, specs, shards, whole)
        return self.functions[key](x)


def _check(shards):
    if shards < 1:
        raise UserError(f"shards is {shards}, but a batch has at least one part: use 1 or more.")


def compiles_whole(model, rows: int | None = None) -> bool:
    """Whether a part is one XLA program; if not, the recurrent layers still compile their own loops.

    Args:
        model: A built Keras model.
        rows: Rows of a batch to forecast; None for a train step.

    Returns:
        False where a layer does not support XLA. Of bfloat16 products with bfloat16 results XLA makes float32 ones; so
        where the CPU has units for them also False, but for so few rows that calling many operations costs more.
    """
    from tsforecast.layers.kernels.recurrent_tensorflow import has_bfloat16_products

    layers = list(model._flatten_layers())
    if not all(layer.supports_jit for layer in layers):
        return False
    few = rows is not None and rows < 2 * MIN_ROWS
    return few or not (has_bfloat16_products() and any(layer.compute_dtype == "bfloat16" for layer in layers))


def _seed_states(model):
    """The state variables of all seed generators of a model."""
    for layer in model._flatten_layers():
        for generator in layer._seed_generators:
            yield generator.state


def _split(batch, shards):
    """Cut a structure into parts whose sizes differ by one at most.

    A batch of fewer rows than parts gives parts of one repeated row and size 0, because a compiled mean over no
    rows would not be a number.

    Returns:
        (the parts, their sizes, rows of the batch); sizes are Python numbers where the batch size is known.
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


def _join(parts, sizes):
    """The inverse of ``_split`` for the parts' outputs."""
    import tensorflow as tf

    if len(parts) == 1:
        return parts[0]
    return keras.tree.map_structure(
        lambda *values: tf.concat([value[:size] for value, size in zip(values, sizes, strict=True)], 0),
        *parts,
    )


def _weighted(values, weights):
    import tensorflow as tf

    if len(values) == 1:
        return values[0]
    return tf.add_n(
        [value * tf.cast(weight, value.dtype) for value, weight in zip(values, weights, strict=True)]
    )
