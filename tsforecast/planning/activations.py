"""What the layers of a model hold in memory, window by window: a walk over its graph.

A train step holds, at its worst moment, the tensors that the layers before keep for their backward pass, and the
workspace of the layer whose backward pass runs. Both are counted a layer in elements per window and are linear in the
batch, so that one walk answers for every batch.
"""

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from tsforecast.planning.rules import Elements, Place, elements_of

# Of the other members' worst moments, what falls together with that of the largest. As one program it was read off
# ensembles of two to five members, whose forecasts it puts within 11 %; one by one off that of five, within 17 %.
OVERLAP, OVERLAP_ONE_BY_ONE = 0.45, 0.3


@dataclasses.dataclass(frozen=True)
class Use:
    """The bytes of one layer, a window.

    Args:
        name: of the layer.
        kind: its class.
        kept: from its forward to its backward pass.
        work: more than that while its backward pass runs.
        infer: alive while it computes without training, its input and output among it.
        values: its output alone, the figure that is often taken for all of it.
    """

    name: str
    kind: str
    kept: int
    work: int
    infer: int
    values: int


@dataclasses.dataclass(frozen=True)
class Activations:
    """What a window costs while training and while forecasting, in bytes.

    Args:
        kept: held for the backward pass at the worst moment.
        work: of the layer whose backward pass then runs.
        worst: the name of that layer.
        infer: at the worst moment of a forecast.
        values: forward values only, one copy.
        uses: by layer.
    """

    kept: int
    work: int
    worst: str
    infer: int
    values: int
    uses: tuple[Use, ...]


def walk(model: Any, place: Place) -> tuple[Use, ...]:
    """The use of each layer of a functional Keras model, in the order of computation."""
    return tuple(_use(operation, ins, outs, place) for operation, ins, outs in _calls(model))


def activations(trained: Any, served: Any, place: Place) -> Activations:
    """What one window costs.

    Args:
        trained: the functional model that the train step runs (all steps under dense supervision).
        served: the functional model that forecasts.
        place: where it runs.
    """
    uses = walk(trained, place)
    # While the backward pass of a layer runs, what the layers behind it kept is free again.
    before = np.cumsum([use.kept for use in uses])
    worst = int(np.argmax(before + [use.work for use in uses]))
    return Activations(
        kept=int(before[worst]),
        work=uses[worst].work,
        worst=uses[worst].name,
        infer=_forecast(served, place),
        values=sum(use.values for use in uses),
        uses=uses,
    )


def _forecast(served: Any, place: Place) -> int:
    """The worst moment of a forecast: a layer at work, what later layers still need of earlier ones, and the input.

    The input stays until the end, as an argument of the program, whether or not a layer still reads it. Models inside,
    as the members of an ensemble are, wait for nothing of each other, so their worst moments overlap in part.
    """
    inside = [node.operation for nodes in served._nodes_by_depth.values() for node in nodes]
    members = sorted(_forecast(member, place) for member in inside if hasattr(member, "_nodes_by_depth"))
    beside = OVERLAP_ONE_BY_ONE if place.one_by_one else OVERLAP
    return max(_in_turn(served, place), round(members[-1] + beside * sum(members[:-1])) if members else 0)


def _in_turn(served: Any, place: Place) -> int:
    """The worst moment where each layer waits for the one before."""
    calls, inputs = list(_calls(served)), _inputs(served)
    window = 4 * sum(math.prod(_shape(tensor)) for tensor in served.inputs)
    last = {id(tensor): at for at, (_, ins, _) in enumerate(calls) for tensor in ins}
    waiting: dict[int, int] = {}  # bytes of tensors that a later call reads, by tensor
    worst = 0
    for at, (operation, ins, outs) in enumerate(calls):
        waiting = {tensor: size for tensor, size in waiting.items() if last[tensor] > at}
        beside = (
            0 if any(id(tensor) in inputs for tensor in ins) else window
        )  # else it is among the layer's own
        worst = max(worst, _use(operation, ins, outs, place).infer + sum(waiting.values()) + beside)
        waiting |= {id(t): math.prod(_shape(t)) * _bytes_of(t.dtype, place) for t in outs if id(t) in last}
    return worst


def _inputs(model: Any) -> set[int]:
    """The input tensors of a graph and of the models inside it, by identity."""
    inside = (node.operation for nodes in model._nodes_by_depth.values() for node in nodes)
    deeper = (_inputs(operation) for operation in inside if hasattr(operation, "_nodes_by_depth"))
    return {id(tensor) for tensor in model.inputs}.union(*deeper)


def _bytes_of(dtype: Any, place: Place) -> int:
    """Of a number: what the place computes in, unless the layer keeps to float32 whatever the policy."""
    return place.compute_bytes if "16" in str(dtype) else 4


def _calls(model: Any) -> Iterator[tuple[Any, list[Any], list[Any]]]:
    """Each call of a layer in this graph (a layer may serve several graphs), with its input and output tensors."""
    for _, nodes in sorted(model._nodes_by_depth.items(), reverse=True):
        for node in nodes:
            if hasattr(
                node.operation, "_nodes_by_depth"
            ):  # a model inside, as the members of an ensemble are
                yield from _calls(node.operation)
            elif not node.is_input:
                yield node.operation, list(node.input_tensors), list(node.output_tensors)


def _use(operation: Any, ins: list[Any], outs: list[Any], place: Place) -> Use:
    counted: Elements = elements_of(operation, [_shape(t) for t in ins], [_shape(t) for t in outs], place)
    values = sum(int(np.prod(_shape(t))) for t in outs)
    size = _bytes_of(getattr(operation, "compute_dtype", outs[0].dtype), place)
    return Use(
        name=operation.name,
        kind=type(operation).__name__,
        kept=round(counted.kept * size + counted.kept_wide * 4),
        work=round(counted.work * size + counted.work_wide * 4),
        infer=round(counted.infer * size + counted.infer_wide * 4),
        values=values * size,
    )


def _shape(tensor: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in tensor.shape[1:])
