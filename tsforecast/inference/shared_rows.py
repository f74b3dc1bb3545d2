"""Forward passes over windows that overlap: a layer that treats each row alone runs once per row.

Of 128 windows of 100 rows, each a row after the other, 227 rows are different and not 12,800. Encodings, dense layers
before the first recurrent one and its input projection depend on one row each, a causal convolution and statistics of
the newest steps on a few. They are computed for the rows, and only then are the windows made of them. A time loop reads
its step of all windows from the rows directly.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import keras
import numpy as np

from tsforecast.inference.compiled import Run, Select, compiles_whole, name_outputs, to_numpy
from tsforecast.inference.sharding import MIN_ROWS, forward_shards
from tsforecast.layers.categories import CategoryEmbedding, SelectChannels
from tsforecast.layers.encoding import PiecewiseLinear
from tsforecast.layers.overlap import Overlap, Rows
from tsforecast.layers.recurrent import GRU, LSTM
from tsforecast.layers.statistics import RollingStatistics
from tsforecast.models.forecaster import Forecaster
from tsforecast.typing import Tensor

if TYPE_CHECKING:
    import tensorflow as tf

Value: TypeAlias = Tensor | Rows
MAX_SHARE = 0.5  # of the rows of the windows one by one; above it, little is gained
# Layers whose output in a row depends on that row of each input alone.
BY_ROW = (
    PiecewiseLinear,
    SelectChannels,
    CategoryEmbedding,
    keras.layers.Dense,
    keras.layers.Activation,
    keras.layers.Concatenate,
    keras.layers.Add,
)


def can_share(model: object, overlap: Overlap | None) -> bool:
    """Return whether a model forecasts overlapping windows faster from their rows: a network on a CPU, compiled whole.

    Args:
        model: Any model.
        overlap: The windows, None if their distances differ.
    """
    if overlap is None or overlap.share > MAX_SHARE or overlap.windows < 2 * MIN_ROWS:
        return False
    if keras.config.backend() != "tensorflow" or not isinstance(model, Forecaster):
        return False
    import tensorflow as tf

    if tf.config.list_logical_devices("GPU"):
        return False
    return compiles_whole(model, overlap.windows)


def shared_forward(model: keras.Model, rows: np.ndarray, overlap: Overlap) -> dict[str, np.ndarray]:
    """Return a model's outputs for overlapping windows.

    Args:
        model: A built network for which ``can_share`` holds. Its compiled functions are made once and kept on it.
        rows: float32 ``[R, C]``, the rows of the windows.
        overlap: The windows.
    """
    functions: dict[tuple[Overlap, int], Run] | None = getattr(model, "_shared_forward", None)
    if functions is None:
        functions = {}
        object.__setattr__(model, "_shared_forward", functions)  # not tracked by Keras, and not saved
    key = overlap, rows.shape[1]
    if key not in functions:
        functions[key] = to_numpy(compile_shared(model, overlap, rows.shape[1]))
    return functions[key](rows)


def compile_shared(
    model: keras.Model, overlap: Overlap, channels: int, select: Select = dict
) -> Callable[..., dict[str, Tensor]]:
    """Compile the forward pass of overlapping windows, their parts side by side, each one XLA program.

    Args:
        model: A built network.
        overlap: The windows.
        channels: Channels C of a row.
        select: Picks the outputs that are returned; the others are not computed.

    Returns:
        A function of float32 rows ``[R, C]``.
    """
    import tensorflow as tf

    @functools.partial(tf.function, jit_compile=True, autograph=False)
    def run_part(rows: tf.Tensor, part: Overlap) -> dict[str, Tensor]:
        with keras.StatelessScope():
            return select(name_outputs(_run(model, [Rows(rows[None], part)])))

    def run(rows: tf.Tensor) -> dict[str, Tensor]:
        outputs = [
            run_part(rows[first : first + part.rows], part)
            for first, part in overlap.split(forward_shards(overlap.windows))
        ]
        return {name: tf.concat([part[name] for part in outputs], 0) for name in outputs[0]}

    spec = tf.TensorSpec((overlap.rows, channels), tf.float32)
    compiled: Callable[..., dict[str, Tensor]] = tf.function(run, autograph=False).get_concrete_function(spec)
    return compiled


def _run(model: keras.Model, inputs: Sequence[Value]) -> Tensor:
    """Return the outputs of a functional model, some of whose inputs are rows."""
    return keras.tree.map_structure(_windows, model._run_through_graph(inputs, call_fn=_call))


def _call(operation: keras.Operation, *args: Value, **kwargs: Value) -> Value:
    """Call an operation of a graph; on rows if it treats each of them alone, otherwise on windows."""
    inputs = [part for part in keras.tree.flatten((args, kwargs)) if isinstance(part, Rows)]
    if inputs:
        if isinstance(operation, Forecaster):
            return _run(operation, keras.tree.flatten(args))
        if _is_by_row(operation, args, kwargs):
            return _call_by_row(operation, inputs, args, kwargs)
        reach = _causal_reach(operation)
        if reach is not None and reach < inputs[0].overlap.lookback and not inputs[0].edge:
            return _call_causally(operation, inputs[0], reach)
        if isinstance(operation, (LSTM, GRU)) and len(args) == 1 and operation.reads_rows:
            return operation.read_rows(inputs[0])
        args, kwargs = keras.tree.map_structure(_windows, (args, kwargs))
    if isinstance(operation, keras.layers.Layer) and operation._call_has_training_arg:
        kwargs = {**kwargs, "training": False}
    return operation(*args, **kwargs)


def _windows(value: Value) -> Tensor:
    return value.windows if isinstance(value, Rows) else value


def _is_by_row(operation: keras.Operation, args: Sequence[Value], kwargs: Mapping[str, Value]) -> bool:
    """Return whether each row of the output depends on the same row of the inputs alone, which are all rows."""
    if type(operation).__name__ == "GetItem":  # of a range of channels, as in past[..., :3]
        key = args[1]
        return isinstance(key, tuple) and len(key) == 2 and key[0] is Ellipsis and isinstance(key[1], slice)
    if isinstance(operation, keras.layers.Concatenate) and operation.axis not in (-1, 2):
        return False
    return isinstance(operation, BY_ROW) and all(
        isinstance(part, Rows) for part in keras.tree.flatten((args, kwargs))
    )


def _call_by_row(
    operation: keras.Operation, inputs: Sequence[Rows], args: Sequence[Value], kwargs: Mapping[str, Value]
) -> Rows:
    """Call an operation on rows and, where they differ from them, on the first steps of the windows."""

    def call(select: Callable[[Rows], Tensor]) -> Tensor:
        chosen = keras.tree.map_structure(lambda part: select(part) if isinstance(part, Rows) else part, args)
        return operation(*chosen, **kwargs)

    edge = max(part.edge for part in inputs)
    first = call(lambda part: part.first_steps(edge)) if edge else None
    return Rows(call(lambda part: part.values), inputs[0].overlap, first)


def _causal_reach(operation: keras.Operation) -> int | None:
    """Return how many rows before a row an operation reads at most; None if that is not known, or later ones too."""
    if isinstance(operation, RollingStatistics):
        return max(operation.spans) - 1
    if isinstance(operation, keras.layers.Conv1D) and operation.padding == "causal":
        plain = operation.strides == operation.dilation_rate == (1,)
        return operation.kernel_size[0] - 1 if plain else None
    return None


def _call_causally(operation: keras.Operation, rows: Rows, reach: int) -> Rows:
    """Call an operation on rows and on the first steps of the windows, for which no rows precede the window."""
    first = operation(rows.steps(0, reach)) if reach else None
    return Rows(operation(rows.values), rows.overlap, first)
