"""The memory of a model's activations per window, from a walk through the model's graph.

At its peak, a train step holds the tensors that earlier layers keep for their backward pass, and the workspace of the
layer whose backward pass is running. Both are counted per layer, in elements per window, and are linear in the batch
size, so one walk is valid for every batch size.
"""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tsforecast.planning.layer_memory import Execution, count_elements

if TYPE_CHECKING:
    import keras

    from tsforecast.typing import Tensor

# Share of the other members' peaks that coincides with the largest member's peak. For fused programs it was fitted to
# ensembles of two to five members, whose forecasts it predicts within 11 %; for unfused steps to an ensemble of five,
# within 17 %.
OVERLAP, OVERLAP_UNFUSED = 0.45, 0.3


@dataclasses.dataclass(frozen=True)
class LayerMemory:
    """The bytes that one layer needs per window.

    Args:
        name: Name of the layer.
        kind: Class of the layer.
        kept: Bytes kept from the forward to the backward pass.
        work: Additional bytes while the backward pass runs.
        infer: Bytes in use during a forecast, with input and output.
        values: Bytes of the output alone, which is often taken for the total.
    """

    name: str
    kind: str
    kept: int
    work: int
    infer: int
    values: int


@dataclasses.dataclass(frozen=True)
class Activations:
    """The bytes that one window needs during training and during a forecast.

    Args:
        kept: Bytes kept for the backward pass at the peak of a train step.
        work: Workspace of the layer whose backward pass runs at the peak.
        worst: Name of that layer.
        infer: Bytes at the peak of a forecast.
        values: Bytes of all forward values, one copy each.
        uses: Memory of each layer.
    """

    kept: int
    work: int
    worst: str
    infer: int
    values: int
    uses: tuple[LayerMemory, ...]


def layer_memories(model: "keras.Model", execution: Execution) -> tuple[LayerMemory, ...]:
    """Return the memory of each layer of a functional Keras model, in the order of computation."""
    return tuple(_layer_memory(operation, ins, outs, execution) for operation, ins, outs in _calls(model))


def count_activations(trained: "keras.Model", served: "keras.Model", execution: Execution) -> Activations:
    """Count the activations of one window.

    Args:
        trained: Functional model of the train step (all steps under dense supervision).
        served: Functional model of a forecast.
        execution: Device and precision of the step.
    """
    uses = layer_memories(trained, execution)
    # While the backward pass of a layer runs, what later layers kept is free again.
    kept = np.cumsum([use.kept for use in uses])
    worst = int(np.argmax(kept + [use.work for use in uses]))
    return Activations(
        kept=int(kept[worst]),
        work=uses[worst].work,
        worst=uses[worst].name,
        infer=_forecast_peak(served, execution),
        values=sum(use.values for use in uses),
        uses=uses,
    )


def _forecast_peak(model: "keras.Model", execution: Execution) -> int:
    """Return the peak of a forecast.

    Nested models, such as the members of an ensemble, do not wait for each other, so their peaks overlap in part.
    """
    inner = [node.operation for nodes in model._nodes_by_depth.values() for node in nodes]
    peaks = sorted(
        _forecast_peak(member, execution) for member in inner if hasattr(member, "_nodes_by_depth")
    )
    overlap = OVERLAP_UNFUSED if execution.unfused else OVERLAP
    nested = round(peaks[-1] + overlap * sum(peaks[:-1])) if peaks else 0
    return max(_sequential_peak(model, execution), nested)


def _sequential_peak(model: "keras.Model", execution: Execution) -> int:
    """Return the peak if each layer waits for the previous one: the layer, tensors still needed, and the input.

    The input stays in memory until the end as an argument of the program, even if no later layer reads it.
    """
    calls, inputs = list(_calls(model)), _input_ids(model)
    window = 4 * sum(math.prod(_shape(tensor)) for tensor in model.inputs)
    last_use = {id(tensor): index for index, (_, ins, _) in enumerate(calls) for tensor in ins}
    waiting: dict[int, int] = {}  # bytes of tensors that a later call reads, by tensor id
    peak = 0
    for index, (operation, ins, outs) in enumerate(calls):
        waiting = {tensor: size for tensor, size in waiting.items() if last_use[tensor] > index}
        # A layer that reads the input already counts it.
        unread = 0 if any(id(tensor) in inputs for tensor in ins) else window
        layer = _layer_memory(operation, ins, outs, execution)
        peak = max(peak, layer.infer + sum(waiting.values()) + unread)
        waiting |= {
            id(t): math.prod(_shape(t)) * _element_bytes(t.dtype, execution)
            for t in outs
            if id(t) in last_use
        }
    return peak


def _input_ids(model: "keras.Model") -> set[int]:
    """Return the ids of the input tensors of a graph and of its nested models."""
    inner = (node.operation for nodes in model._nodes_by_depth.values() for node in nodes)
    nested = (_input_ids(operation) for operation in inner if hasattr(operation, "_nodes_by_depth"))
    return {id(tensor) for tensor in model.inputs}.union(*nested)


def _element_bytes(dtype: object, execution: Execution) -> int:
    """Return the bytes per number: those of the compute dtype, or 4 for a layer that always computes in float32."""
    return execution.compute_bytes if "16" in str(dtype) else 4


def _calls(model: "keras.Model") -> Iterator[tuple[Any, list["Tensor"], list["Tensor"]]]:
    """Yield each call of a layer in this graph with its input and output tensors; a layer may be in several graphs."""
    for _, nodes in sorted(model._nodes_by_depth.items(), reverse=True):
        for node in nodes:
            if hasattr(node.operation, "_nodes_by_depth"):  # a nested model
                yield from _calls(node.operation)
            elif not node.is_input:
                yield node.operation, list(node.input_tensors), list(node.output_tensors)


def _layer_memory(
    operation: "keras.Operation", ins: Sequence["Tensor"], outs: Sequence["Tensor"], execution: Execution
) -> LayerMemory:
    elements = count_elements(operation, [_shape(t) for t in ins], [_shape(t) for t in outs], execution)
    values = sum(int(np.prod(_shape(t))) for t in outs)
    size = _element_bytes(getattr(operation, "compute_dtype", outs[0].dtype), execution)
    return LayerMemory(
        name=operation.name,
        kind=type(operation).__name__,
        kept=round(elements.kept * size + elements.kept_wide * 4),
        work=round(elements.work * size + elements.work_wide * 4),
        infer=round(elements.infer * size + elements.infer_wide * 4),
        values=values * size,
    )


def _shape(tensor: "Tensor") -> tuple[int, ...]:
    return tuple(int(size) for size in tensor.shape[1:])
