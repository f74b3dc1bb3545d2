"""The memory of each kind of layer, in elements per window: kept for the backward pass, and workspace.

The figures of the recurrent kernels count buffers of the layer's width H per step of the window. They were taken from
the compiler's memory reports for our CPU kernels, and for GPUs from steps measured on an H200 (``benchmarks.gpu``,
docs/gpu.md); ``job=plan verify=true`` compares them with a measured step. A layer without a rule counts as the dense
layers inside it, or as its output.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

Shape = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Execution:
    """How a step runs.

    Args:
        device: ``cpu`` or ``gpu``.
        compute_bytes: Bytes per number in the compute dtype, 4 or 2.
        unfused: Whether operations run one at a time, each with its result in memory. Otherwise the compiler fuses them
            into one program and recomputes some results instead of keeping them.
        backend: Backend of Keras; it matters on a GPU.
    """

    device: str
    compute_bytes: int
    unfused: bool = False
    backend: str = "tensorflow"


@dataclasses.dataclass(frozen=True)
class Elements:
    """Numbers that a layer holds per window, in the compute dtype or (``_wide``) always in float32.

    Args:
        kept: Numbers kept for the backward pass.
        work: Additional numbers while the backward pass runs.
        infer: Numbers in use during a forecast.
        kept_wide: As ``kept``, in float32.
        work_wide: As ``work``, in float32.
        infer_wide: As ``infer``, in float32.

    Example:
        >>> Elements(kept=8, work=3) + Elements(kept=2, work=5)
        Elements(kept=10, work=5, infer=0, kept_wide=0, work_wide=0, infer_wide=0)
    """

    kept: float = 0
    work: float = 0
    infer: float = 0
    kept_wide: float = 0
    work_wide: float = 0
    infer_wide: float = 0

    def __add__(self, other: "Elements") -> "Elements":
        """Return the elements of two parts of one layer; the workspace is that of the larger part."""
        sums = {name: getattr(self, name) + getattr(other, name) for name in ("kept", "kept_wide")}
        shared = ("work", "infer", "work_wide", "infer_wide")
        return Elements(**sums, **{name: max(getattr(self, name), getattr(other, name)) for name in shared})


def count_elements(operation: object, ins: list[Shape], outs: list[Shape], execution: Execution) -> Elements:
    """Return the elements of one call of a layer or operation, by the rule of its class or its nearest base class."""
    for kind in type(operation).__mro__:
        rule = RULES.get(kind.__name__)
        if rule is not None:
            return rule(operation, ins, outs, execution)
    return _default(operation, ins, outs, execution)


def _size(shapes: list[Shape]) -> int:
    return sum(math.prod(shape) for shape in shapes)


# --- Recurrent layers: buffers of width H per step -------------------------------------------------

# kept: gates, carries, outputs and what the compiler precomputes from them for the backward pass.
# work: gradients of gates and outputs, and the upstream gradient. infer: projections, twice, and outputs.
_CPU = {"LSTM": (11.5, 8.5, 9.0), "GRU": (9.0, 7.0, 8.5)}
# Only the loops are compiled programs: what they return is kept, and what is precomputed for the backward loop is
# inside it.
_CPU_UNFUSED = {"LSTM": (7.5, 10.0, 5.7), "GRU": (5.5, 7.0, 5.2)}
# Added if all steps are returned: their half-precision copy and their gradients.
_SEQUENCE = (1.0, 2.0, 0.0)
# cuDNN: its reserve space and the outputs, measured with PyTorch; work: gradients of outputs and inputs.
_CUDNN = {"LSTM": (15.0, 5.0, 2.0), "GRU": (14.5, 4.0, 2.0)}
# JAX calls cuDNN for LSTMs, in float32 whatever the precision, and keeps more; GRUs run in a loop of its own.
_JAX = {"LSTM": (28.0, 5.0, 2.0), "GRU": (7.0, 4.0, 2.0)}


def _recurrent(layer: "keras.Layer", ins: list[Shape], outs: list[Shape], execution: Execution) -> Elements:
    steps, width = ins[0][0], layer.units
    kind = "LSTM" if "LSTM" in {base.__name__ for base in type(layer).__mro__} else "GRU"
    on_gpu = _JAX if execution.backend == "jax" else _CUDNN
    table = on_gpu if execution.device == "gpu" else _CPU_UNFUSED if execution.unfused else _CPU
    more = _SEQUENCE if execution.unfused and len(outs[0]) == 2 else (0.0, 0.0, 0.0)
    kept, work, infer = (
        (count + extra) * steps * width for count, extra in zip(table[kind], more, strict=True)
    )
    if execution.unfused:
        return Elements(kept_wide=kept, work_wide=work, infer_wide=infer)
    source = math.prod(ins[0])
    if execution.device == "cpu":  # the loops always carry float32
        return Elements(kept_wide=kept, work_wide=work, infer_wide=infer + source)
    if execution.backend == "jax" and kind == "LSTM":
        return Elements(kept_wide=kept + source, work_wide=work, infer_wide=infer + source)
    return Elements(kept=kept + source, work=work, infer=infer + source)


def _bidirectional(
    layer: "keras.Layer", ins: list[Shape], outs: list[Shape], execution: Execution
) -> Elements:
    """Both directions keep their buffers; on a CPU the compiler runs them one after the other."""
    forward = _recurrent(layer.forward_layer, ins, outs, execution)
    if execution.device == "gpu":
        return Elements(
            **{field.name: 2 * getattr(forward, field.name) for field in dataclasses.fields(forward)}
        )
    # The reversed outputs of the other direction.
    reversed_outputs = 0 if execution.unfused else 2 * ins[0][0] * layer.forward_layer.units
    return dataclasses.replace(
        forward, kept_wide=2 * forward.kept_wide, infer_wide=forward.infer_wide + reversed_outputs
    )


# --- Other layers --------------------------------------------------------------------------------


def _dense(layer: "keras.Layer", ins: list[Shape], outs: list[Shape], execution: Execution) -> Elements:
    source, result = _size(ins), _size(outs)
    return Elements(kept=result, work=source + result, infer=source + result)


def _encoding(layer: "keras.Layer", ins: list[Shape], outs: list[Shape], execution: Execution) -> Elements:
    """The components of all bins before and after clipping to [0, 1], always in float32; the clipped ones are kept."""
    bins = ins[0][0] * sum(len(rising) - 1 for rising in layer.edges if len(rising) > 2)
    result = _size(outs)
    work, infer = (1, 1.5) if execution.unfused else (2, 2)
    return Elements(
        kept=result, kept_wide=bins, work=result, work_wide=work * bins, infer=result, infer_wide=infer * bins
    )


def _feature_embedding(
    layer: "keras.Layer", ins: list[Shape], outs: list[Shape], execution: Execution
) -> Elements:
    """The components of all features, in float32 and in the compute dtype, and the embedded features."""
    components = math.prod(ins[0]) * max(1, *(len(rising) - 1 for rising in layer.edges))
    result = _size(outs)
    return Elements(
        kept=components + result, work=result, work_wide=components, infer=result, infer_wide=components
    )


def _dropout(layer: "keras.Layer", ins: list[Shape], outs: list[Shape], execution: Execution) -> Elements:
    if not layer.rate:
        return Elements()
    if execution.unfused:  # the dropped values, and a mask of one byte each
        return Elements(kept=1.5 * _size(outs), work=_size(ins), infer=_size(ins))
    # The random bits are 32 bits wide; the dropped values are the next layer's input.
    return Elements(kept=_size(outs), kept_wide=_size(outs), work=_size(ins), infer=_size(ins))


def _conv(layer: "keras.Layer", ins: list[Shape], outs: list[Shape], execution: Execution) -> Elements:
    source, result = _size(ins), _size(outs)
    kept = 2 * result if execution.unfused else result  # before the activation and after it
    return Elements(kept=kept, work=source + 2 * result, infer=source + result)


def _attention(layer: "keras.Layer", ins: list[Shape], outs: list[Shape], execution: Execution) -> Elements:
    steps, width = ins[0][0], layer.num_heads * layer.key_dim
    scores = layer.num_heads * steps * steps
    kept = 4 * steps * width + 2 * scores + (2 * scores if layer.dropout else 0)
    return Elements(kept=kept, work=2 * scores + 4 * steps * width, infer=2 * scores + 6 * steps * width)


def _self_attention(
    layer: "keras.Layer", ins: list[Shape], outs: list[Shape], execution: Execution
) -> Elements:
    """Queries, keys, values and output; the attention weights once, or before and after dropout."""
    series, patches, width = ins[0]
    tokens, weights = series * patches * width, series * layer.heads * patches**2
    dropped = (
        1.75 if execution.unfused else 3
    )  # half precision and a mask of one byte each, or float32 and random bits
    return Elements(
        kept=5 * tokens,
        kept_wide=weights * (dropped if layer.dropout else 1),
        work=4 * tokens,
        work_wide=2 * weights,
        infer=4 * tokens,
        infer_wide=(1 if execution.unfused else 2) * weights,
    )


def _encoder_block(
    layer: "keras.Layer", ins: list[Shape], outs: list[Shape], execution: Execution
) -> Elements:
    """Attention weights once, the inner network's values, slope and dropped values, and 14 arrays of the tokens.

    The compiler recomputes some of these.
    """
    series, patches, width = ins[0]
    tokens, inner = series * patches * width, series * patches * layer.options["d_ff"]
    weights = series * layer.options["heads"] * patches**2
    if execution.device == "cpu" and not execution.unfused:
        work = Elements(work=inner + 4 * tokens, work_wide=2 * weights)
        kept = Elements(kept=10 * tokens + 2.5 * inner, kept_wide=weights)
    else:
        work = Elements(work=2 * inner + 6 * tokens, work_wide=2 * weights)
        kept = Elements(kept=14 * tokens + 3 * inner, kept_wide=weights / 2 if execution.unfused else weights)
    return kept + work + Elements(infer=4 * tokens + 2 * inner, infer_wide=2 * weights)


def _norm(layer: "keras.Layer", ins: list[Shape], outs: list[Shape], execution: Execution) -> Elements:
    return Elements(kept=_size(outs), work=2 * _size(outs), infer=2 * _size(outs))


def _concatenation(
    layer: "keras.Layer", ins: list[Shape], outs: list[Shape], execution: Execution
) -> Elements:
    return Elements(kept=_size(outs), work=_size(outs), infer=_size(ins) + _size(outs))


def _elementwise(layer: "keras.Layer", ins: list[Shape], outs: list[Shape], execution: Execution) -> Elements:
    return Elements(infer=_size(ins) + _size(outs))


def _slice(layer: "keras.Layer", ins: list[Shape], outs: list[Shape], execution: Execution) -> Elements:
    """Read in place in a compiled program; otherwise a copy."""
    copied = _size(ins) if execution.unfused else 0
    return Elements(kept=_size(outs), work=copied + _size(outs), infer=_size(ins) + _size(outs))


def _head(layer: "keras.Layer", ins: list[Shape], outs: list[Shape], execution: Execution) -> Elements:
    """A stack of dense layers on the last axis."""
    shape, total = ins[0], Elements()
    for part in [*layer.hidden, layer.output_layer]:
        after = shape if not hasattr(part, "units") else (*shape[:-1], part.units)
        total += count_elements(part, [shape], [after], execution)
        shape = after
    return total


def _default(layer: "keras.Layer", ins: list[Shape], outs: list[Shape], execution: Execution) -> Elements:
    positions = math.prod(outs[0][:-1]) if outs and outs[0] else 1
    parts = layer._flatten_layers(include_self=False) if hasattr(layer, "_flatten_layers") else ()
    inner = [part for part in parts if isinstance(getattr(part, "units", None), int)]
    total = Elements(kept=_size(outs), work=_size(ins) + _size(outs), infer=_size(ins) + _size(outs))
    for part in inner:
        width: list[Shape] = [(positions, part.units)]
        total += _dense(part, width, width, execution)
    return total


RULES: dict[str, Callable[[Any, list[Shape], list[Shape], Execution], Elements]] = {
    "LSTM": _recurrent,
    "GRU": _recurrent,
    "Bidirectional": _bidirectional,
    "Dense": _dense,
    "EinsumDense": _dense,
    "PiecewiseLinear": _encoding,
    "FeatureEmbedding": _feature_embedding,
    "Dropout": _dropout,
    "BaseConv": _conv,
    "MultiHeadAttention": _attention,
    "SelfAttention": _self_attention,
    "EncoderBlock": _encoder_block,
    "LayerNormalization": _norm,
    "BatchNormalization": _norm,
    "Concatenate": _concatenation,
    "Merge": _concatenation,
    "Anchor": _elementwise,
    "TargetHistory": _slice,
    "SelectChannels": _slice,
    "GetItem": _elementwise,
    "ForecastHead": _head,
}
