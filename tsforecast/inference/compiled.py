"""Compiled forward passes: functions of fixed shapes, the batch in parts side by side, an ensemble by members."""

import functools
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import keras
import numpy as np

from tsforecast.inference.sharding import MIN_ROWS, check_shards, forward_shards, join_parts, split_batch
from tsforecast.typing import Tensor

if TYPE_CHECKING:
    import tensorflow as tf

Run: TypeAlias = Callable[[np.ndarray], dict[str, np.ndarray]]  # Windows in, outputs by name.
Select: TypeAlias = Callable[[dict[str, Tensor]], dict[str, Tensor]]
_TRIALS = 5  # calls of each layout, to find the quickest one


def compile_network(model: keras.Model, shape: tuple[int, int, int], select: Select) -> Run:
    """Compile a network's forward pass for batches of exactly one shape.

    Args:
        model: A built Keras model.
        shape: Windows, lookback and channels of a batch.
        select: Picks the outputs that are returned; the others are not computed.

    Returns:
        A function of float32 windows of that shape. On TensorFlow the quickest of the layouts that ``layouts`` lists.
    """
    if keras.config.backend() != "tensorflow":
        return lambda past: select(name_outputs(model.predict_on_batch(past)))
    candidates = [to_numpy(layout(model, shape, select)) for layout in layouts(model, shape[0])]
    return candidates[0] if len(candidates) == 1 else _find_quickest(candidates, np.zeros(shape, np.float32))


def name_outputs(output: Tensor) -> dict[str, Any]:
    """Return a model's output as a dict; a plain output is named ``forecast``."""
    return output if isinstance(output, dict) else {"forecast": output}


def layouts(model: keras.Model, rows: int) -> list[Callable[..., Callable[..., dict[str, Tensor]]]]:
    """Return the ways to lay out the forward pass of a batch: in parts; for an ensemble also member by member.

    One program saves the most calls but uses one core. Which layout is quicker depends on members, batch and cores.
    """
    by_members = hasattr(model, "combiner") and compiles_whole(model, rows)
    return [compile_parts, compile_members] if by_members else [compile_parts]


def compile_parts(
    model: keras.Model, shape: tuple[int, ...], select: Select = dict
) -> Callable[..., dict[str, Tensor]]:
    """Compile the forward pass with the parts of the batch side by side.

    Each part is one program, or only the layers that compile themselves are.
    """
    import tensorflow as tf

    return forward_function(
        lambda past: select(name_outputs(model(past, training=False))),
        tf.TensorSpec(shape, tf.float32),
        forward_shards(shape[0]),
        compiles_whole(model, shape[0]),
    )


def compile_members(
    model: keras.Model, shape: tuple[int, ...], select: Select = dict
) -> Callable[..., dict[str, Tensor]]:
    """Compile each member of an ensemble as one program for the whole batch, side by side, then what joins them."""
    import tensorflow as tf

    rest_model = model.combiner()
    members = [_program(call) for call in model.member_calls]
    rest = _program(lambda inputs: select(name_outputs(rest_model(inputs, training=False))))

    def forward(past: Tensor) -> dict[str, Tensor]:
        result: dict[str, Tensor] = rest([past, *keras.tree.flatten([member(past) for member in members])])
        return result

    return forward_function(forward, tf.TensorSpec(shape, tf.float32), shards=1, whole=False)


def forward_function(
    call: Callable[[Any], Any], specs: Tensor, shards: int, whole: bool
) -> Callable[..., Any]:
    """Compile ``call(x)`` for inputs of given shapes, in ``shards`` parts side by side.

    With one part the program is called directly: to look it up by its arguments first, within a graph of its own,
    takes a third of the time of one window's forecast.

    Args:
        call: Maps inputs to outputs, batch first. It must write no variable, since only such calls run side by side.
        specs: A ``tf.TensorSpec`` of known shape or a structure of them: the inputs of all parts together.
        shards: Number of parts, at least 1.
        whole: Whether a part is one XLA program; otherwise only the layers that compile themselves are.

    Returns:
        A function of tensors like ``specs``.
    """
    import tensorflow as tf

    def call_stateless(x: Tensor) -> Tensor:
        with keras.StatelessScope():
            return call(x)

    part: Any = tf.function(call_stateless, jit_compile=whole, autograph=False)

    def call_parts(x: Tensor) -> Tensor:
        pieces, sizes, _ = split_batch(x, shards)
        return join_parts([part(piece) for piece in pieces], sizes)

    function = part if shards == 1 else tf.function(call_parts, autograph=False)
    compiled: Callable[..., Any] = function.get_concrete_function(specs)
    return compiled


def compiles_whole(model: keras.Model, rows: int | None = None) -> bool:
    """Return whether a part is compiled as one XLA program; if not, recurrent layers still compile their own loops.

    Args:
        model: A built Keras model.
        rows: Rows of a batch to forecast; None for a train step.

    Returns:
        False if a layer does not support XLA. XLA computes bfloat16 products with bfloat16 results in float32, so also
        False on CPUs with units for them, except for so few rows that calling many operations would cost more.
    """
    from tsforecast.layers.kernels.recurrent_tensorflow import has_bfloat16_products

    layers = list(model._flatten_layers())
    if not all(layer.supports_jit for layer in layers):
        return False
    is_small = rows is not None and rows < 2 * MIN_ROWS
    return is_small or not (
        has_bfloat16_products() and any(layer.compute_dtype == "bfloat16" for layer in layers)
    )


def sharded_forward(model: keras.Model, x: Tensor, shards: int) -> Tensor:
    """Return ``model(x, training=False)``, computed in ``shards`` parts side by side.

    Args:
        model: A built Keras model. Its compiled functions are made once and kept on it.
        x: A tensor, array or structure of them, batch first.
        shards: Number of parts, at least 1; a batch of fewer rows still works.

    Returns:
        The model's outputs for all rows, in order.

    Raises:
        UserError: ``shards`` is below 1.
    """
    check_shards(shards)
    functions = getattr(model, "_sharded_forward", None)
    if functions is None:
        functions = model._sharded_forward = _ForwardFunctions(model)
    return functions(x, shards)


def to_numpy(function: Callable[..., dict[str, Tensor]]) -> Run:
    """Wrap a compiled function of tensors as one of NumPy arrays."""
    import tensorflow as tf

    def run(past: np.ndarray) -> dict[str, np.ndarray]:
        return {name: value.numpy() for name, value in function(tf.constant(past)).items()}

    return run


class _ForwardFunctions:
    """A model's forward functions, one per shape of the inputs. A plain object, so that Keras does not save it.

    Args:
        model: A built Keras model.
    """

    def __init__(self, model: keras.Model):
        self.model = model
        self.functions: dict[tuple[Any, ...], Callable[..., Any]] = {}

    def __call__(self, x: Tensor, shards: int) -> Tensor:
        import tensorflow as tf

        x = keras.tree.map_structure(tf.convert_to_tensor, x)
        key = shards, tuple((tuple(part.shape), part.dtype) for part in keras.tree.flatten(x))
        if key not in self.functions:
            specs = keras.tree.map_structure(lambda part: tf.TensorSpec(part.shape, part.dtype), x)
            whole = compiles_whole(self.model, rows=keras.tree.flatten(specs)[0].shape[0])
            call = functools.partial(self.model, training=False)
            self.functions[key] = forward_function(call, specs, shards, whole)
        return self.functions[key](x)


def _program(call: Callable[[Any], Any]) -> "tf.types.experimental.PolymorphicFunction":
    import tensorflow as tf

    return tf.function(call, jit_compile=True, autograph=False)


def _find_quickest(candidates: Sequence[Run], past: np.ndarray) -> Run:
    """Return the function with the shortest median call; the first call of each, which compiles, is not counted."""
    medians = []
    for run in candidates:
        run(past)
        seconds = []
        for _ in range(_TRIALS):
            began = time.perf_counter()
            run(past)
            seconds.append(time.perf_counter() - began)
        medians.append(float(np.median(seconds)))
    return candidates[int(np.argmin(medians))]
