"""What each kind of layer holds, in elements per window: kept for the backward pass, and workspace.

The figures of the recurrent kernels count buffers of the width H of the layer, for each step of the window. They were
read off the memory reports of the compiler for our CPU kernels, and off the published layouts for cuDNN;
``job=plan verify=true`` sets them against a measured step. A layer that no rule knows counts as dense layers on what it
holds, else as its output.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

Shape = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a step runs.

    Args:
        device: cpu or gpu.
        compute_bytes: of a number in the compute dtype, 4 or 2.
        one_by_one: the operations run by themselves, each with its result in memory, where else a compiler makes one
            program of them and computes some results again instead of keeping them.
    """

    device: str
    compute_bytes: int
    one_by_one: bool = False


@dataclasses.dataclass(frozen=True)
class Elements:
    """Numbers held by a layer, a window, in the compute dtype and, as ``_wide``, in float32 whatever the policy."""

    kept: float = 0
    work: float = 0
    infer: float = 0
    kept_wide: float = 0
    work_wide: float = 0
    infer_wide: float = 0

    def __add__(self, other: "Elements") -> "Elements":
        """What two parts of one layer keep together; the workspace is that of the larger part."""
        kept = {name: getattr(self, name) + getattr(other, name) for name in ("kept", "kept_wide")}
        both = ("work", "infer", "work_wide", "infer_wide")
        return Elements(**kept, **{name: max(getattr(self, name), getattr(other, name)) for name in both})


def elements_of(operation: Any, ins: list[Shape], outs: list[Shape], place: Place) -> Elements:
    """The elements of one call of a layer or operation, by the rule of its class or of the nearest class above."""
    for kind in type(operation).__mro__:
        rule = RULES.get(kind.__name__)
        if rule is not None:
            return rule(operation, ins, outs, place)
    return _unknown(operation, ins, outs, place)


def _size(shapes: list[Shape]) -> int:
    return sum(math.prod(shape) for shape in shapes)


# --- Recurrent layers: buffers of width H a step -------------------------------------------------

# kept: gates, carries, outputs and what the compiler computes ahead from them for the backward pass.
# work: gradients of gates and outputs, the upstream gradient. infer: projections, twice, and outputs.
_CPU = {"LSTM": (11.5, 8.5, 9.0), "GRU": (9.0, 7.0, 8.5)}
# The loops alone are programs: what they return is kept, and what is computed ahead for the backward loop lives in it.
_CPU_ONE_BY_ONE = {"LSTM": (7.5, 10.0, 5.7), "GRU": (5.5, 7.0, 5.2)}
# More than that where all steps are returned: their half-width copy, their gradients.
_SEQUENCE = (1.0, 2.0, 0.0)
# cuDNN: reserve space (gates, cell) and the outputs; work: gradients of outputs and inputs, its own workspace.
_CUDNN = {"LSTM": (7.0, 5.0, 2.0), "GRU": (6.0, 4.0, 2.0)}


def _recurrent(layer: Any, ins: list[Shape], outs: list[Shape], place: Place) -> Elements:
    steps, width = ins[0][0], layer.units
    kind = "LSTM" if "LSTM" in {base.__name__ for base in type(layer).__mro__} else "GRU"
    table = _CUDNN if place.device == "gpu" else _CPU_ONE_BY_ONE if place.one_by_one else _CPU
    more = _SEQUENCE if place.one_by_one and len(outs[0]) == 2 else (0.0, 0.0, 0.0)
    kept, work, infer = (
        (count + extra) * steps * width for count, extra in zip(table[kind], more, strict=True)
    )
    if place.one_by_one:
        return Elements(kept_wide=kept, work_wide=work, infer_wide=infer)
    source = math.prod(ins[0])
    if place.device == "cpu":  # the loops carry float32 whatever the policy
        return Elements(kept_wide=kept, work_wide=work, infer_wide=infer + source)
    return Elements(kept=kept + source, work=work, infer=infer + source)


def _bidirectional(layer: Any, ins: list[Shape], outs: list[Shape], place: Place) -> Elements:
    """Both directions keep what they need; on a CPU the compiler runs them one after the other."""
    one = _recurrent(layer.forward_layer, ins, outs, place)
    if place.device == "gpu":
        return Elements(**{field.name: 2 * getattr(one, field.name) for field in dataclasses.fields(one)})
    # The outputs of the other direction, turned round.
    beside = 0 if place.one_by_one else 2 * ins[0][0] * layer.forward_layer.units
    return dataclasses.replace(one, kept_wide=2 * one.kept_wide, infer_wide=one.infer_wide + beside)


# --- Other layers --------------------------------------------------------------------------------


def _dense(layer: Any, ins: list[Shape], outs: list[Shape], place: Place) -> Elements:
    source, result = _size(ins), _size(outs)
    return Elements(kept=result, work=source + result, infer=source + result)


def _encoding(layer: Any, ins: list[Shape], outs: list[Shape], place: Place) -> Elements:
    """The components of all bins, before and after they are held to [0, 1], of which the learned part keeps the latter.

    They are float32 whatever the policy.
    """
    bins = ins[0][0] * sum(len(rising) - 1 for rising in layer.edges if len(rising) > 2)
    result = _size(outs)
    work, infer = (1, 1.5) if place.one_by_one else (2, 2)
    return Elements(
        kept=result, kept_wide=bins, work=result, work_wide=work * bins, infer=result, infer_wide=infer * bins
    )


def _dropout(layer: Any, ins: list[Shape], outs: list[Shape], place: Place) -> Elements:
    if not layer.rate:
        return Elements()
    if place.one_by_one:  # the dropped values, and a byte each for which ones
        return Elements(kept=1.5 * _size(outs), work=_size(ins), infer=_size(ins))
    # The random bits are 32 wide; the dropped values are the next layer's input.
    return Elements(kept=_size(outs), kept_wide=_size(outs), work=_size(ins), infer=_size(ins))


def _conv(layer: Any, ins: list[Shape], outs: list[Shape], place: Place) -> Elements:
    source, result = _size(ins), _size(outs)
    kept = 2 * result if place.one_by_one else result  # before the activation and after it
    return Elements(kept=kept, work=source + 2 * result, infer=source + result)


def _attention(layer: Any, ins: list[Shape], outs: list[Shape], place: Place) -> Elements:
    steps, width = ins[0][0], layer.num_heads * layer.key_dim
    scores = layer.num_heads * steps * steps
    kept = 4 * steps * width + 2 * scores + (2 * scores if layer.dropout else 0)
    return Elements(kept=kept, work=2 * scores + 4 * steps * width, infer=2 * scores + 6 * steps * width)


def _self_attention(layer: Any, ins: list[Shape], outs: list[Shape], place: Place) -> Elements:
    """Queries, keys, values and the mix; the weights once, and under dropout before it and after."""
    series, patches, width = ins[0]
    tokens, weights = series * patches * width, series * layer.heads * patches**2
    dropped = 1.75 if place.one_by_one else 3  # half-width ones and a byte each, or float32 and random bits
    return Elements(
        kept=5 * tokens,
        kept_wide=weights * (dropped if layer.dropout else 1),
        work=4 * tokens,
        work_wide=2 * weights,
        infer=4 * tokens,
        infer_wide=(1 if place.one_by_one else 2) * weights,
    )


def _encoder_block(layer: Any, ins: list[Shape], outs: list[Shape], place: Place) -> Elements:
    """Attention weights once, the inner network's values, slope and dropped values, and 14 arrays of the tokens.

    Of these the compiler computes some again.
    """
    series, patches, width = ins[0]
    tokens, inner = series * patches * width, series * patches * layer.options["d_ff"]
    weights = series * layer.options["heads"] * patches**2
    if place.device == "cpu" and not place.one_by_one:
        work = Elements(work=inner + 4 * tokens, work_wide=2 * weights)
        kept = Elements(kept=10 * tokens + 2.5 * inner, kept_wide=weights)
    else:
        work = Elements(work=2 * inner + 6 * tokens, work_wide=2 * weights)
        kept = Elements(kept=14 * tokens + 3 * inner, kept_wide=weights / 2 if place.one_by_one else weights)
    return kept + work + Elements(infer=4 * tokens + 2 * inner, infer_wide=2 * weights)


def _norm(layer: Any, ins: list[Shape], outs: list[Shape], place: Place) -> Elements:
    return Elements(kept=_size(outs), work=2 * _size(outs), infer=2 * _size(outs))


def _joined(layer: Any, ins: list[Shape], outs: list[Shape], place: Place) -> Elements:
    return Elements(kept=_size(outs), work=_size(outs), infer=_size(ins) + _size(outs))


def _fused(layer: Any, ins: list[Shape], outs: list[Shape], place: Place) -> Elements:
    return Elements(infer=_size(ins) + _size(outs))


def _slice(layer: Any, ins: list[Shape], outs: list[Shape], place: Place) -> Elements:
    """Read where it is used, in a program; by itself it is a copy."""
    copied = _size(ins) if place.one_by_one else 0
    return Elements(kept=_size(outs), work=copied + _size(outs), infer=_size(ins) + _size(outs))


def _head(layer: Any, ins: list[Shape], outs: list[Shape], place: Place) -> Elements:
    """Dense layers on the last axis, one on the other."""
    shape, total = ins[0], Elements()
    for part in [*layer.hidden, layer.output_layer]:
        after = shape if not hasattr(part, "units") else (*shape[:-1], part.units)
        total += elements_of(part, [shape], [after], place)
        shape = after
    return total


def _unknown(layer: Any, ins: list[Shape], outs: list[Shape], place: Place) -> Elements:
    positions = math.prod(outs[0][:-1]) if outs and outs[0] else 1
    parts = layer._flatten_layers(include_self=False) if hasattr(layer, "_flatten_layers") else ()
    inner = [part for part in parts if isinstance(getattr(part, "units", None), int)]
    total = Elements(kept=_size(outs), work=_size(ins) + _size(outs), infer=_size(ins) + _size(outs))
    for part in inner:
        width: list[Shape] = [(positions, part.units)]
        total += _dense(part, width, width, place)
    return total


RULES: dict[str, Callable[[Any, list[Shape], list[Shape], Place], Elements]] = {
    "LSTM": _recurrent,
    "GRU": _recurrent,
    "Bidirectional": _bidirectional,
    "Dense": _dense,
    "EinsumDense": _dense,
    "PiecewiseLinear": _encoding,
    "Dropout": _dropout,
    "BaseConv": _conv,
    "MultiHeadAttention": _attention,
    "SelfAttention": _self_attention,
    "EncoderBlock": _encoder_block,
    "LayerNormalization": _norm,
    "BatchNormalization": _norm,
    "Concatenate": _joined,
    "Merge": _joined,
    "Anchor": _fused,
    "TargetHistory": _slice,
    "GetItem": _fused,
    "ForecastHead": _head,
}
