"""The memory of a run in bytes, line by line, and the batch that fits a device."""

import dataclasses
import math
from typing import Any

from tsforecast.planning.activations import Activations, activations
from tsforecast.planning.rules import Place

USABLE = 0.92  # of a device's memory: allocators leave gaps, and the device keeps some for itself
PROGRAM_GPU = 1.0e9  # CUDA context, cuDNN and kernels; an allowance, not measured here


@dataclasses.dataclass(frozen=True)
class Memory:
    """What training and forecasting with one model take, in bytes; linear in the batch.

    Args:
        params: trainable and other weights, a number.
        weights: of the model, with its half-precision copies where the policy casts.
        gradients: one for each trainable weight, in each part of a batch that runs at the same time.
        optimizer: moments, accumulated gradients, loss scale.
        window: input and truth of one window.
        activations: of one window, see ``Activations``.
        resident: data that lie in the same memory (on a CPU), whatever the batch.
        program: Python, TensorFlow, compiled code; on a GPU its context.
    """

    params: int
    weights: int
    gradients: int
    optimizer: int
    window: int
    activations: Activations
    resident: int = 0
    program: int = 0

    def training(self, batch_size: int) -> dict[str, int]:
        """The lines of a train step at a batch, and ``step``, their sum: what the step itself needs."""
        lines = {
            "weights": self.weights,
            "gradients": self.gradients,
            "optimizer": self.optimizer,
            "batch": self.window * batch_size,
            "activations": self.activations.kept * batch_size,
            "workspace": self.activations.work * batch_size,
        }
        return lines | {"step": sum(lines.values())}

    def inference(self, batch_size: int) -> dict[str, int]:
        """The lines of a forecast at a batch, and ``step``, their sum."""
        lines = {
            "weights": self.weights,
            "batch": 2 * self.window * batch_size,  # as it came, and cut into parts
            "workspace": self.activations.infer * batch_size,
        }
        return lines | {"step": sum(lines.values())}

    def peak(self, batch_size: int) -> int:
        """Of a training run: the step, the resident data and the program."""
        return self.training(batch_size)["step"] + self.resident + self.program

    def largest_batch(self, device_bytes: float) -> int:
        """The most windows a batch that fit a device, 0 when not even one does."""
        fixed = self.peak(0)
        each = self.peak(1) - fixed
        return max(0, math.floor((USABLE * device_bytes - fixed) / each))


def beside(memory: Memory, row: dict[str, Any]) -> dict[str, Any]:
    """Predicted and measured bytes of a train step and of a forecast, with predicted / measured as ``ratio``.

    What lies there before a step is counted exactly, and what the step adds to it was measured.

    Args:
        memory: the plan.
        row: ``batch_size``, and of ``train`` and ``infer`` the bytes that a call added, see ``jobs.measure``.
    """
    batch = row["batch_size"]
    held = memory.weights + memory.window * batch
    predicted = {"train": memory.training(batch)["step"], "infer": memory.inference(batch)["step"]}
    found = {"train": held + memory.optimizer + row["train"], "infer": held + row["infer"]}
    return {
        name: {"predicted": bytes_, "measured": found[name], "ratio": bytes_ / found[name]}
        for name, bytes_ in predicted.items()
    }


def accumulation(effective: int, largest: int) -> tuple[int, int]:
    """Batch and accumulation that keep an effective batch on a device that holds ``largest`` windows.

    Args:
        effective: windows an update, at least 1.
        largest: the most that fit, at least 1.

    Returns: ``(batch_size, accumulate_steps)`` whose product is ``effective``, with as few steps as possible.
    """
    steps = next(k for k in range(math.ceil(effective / largest), effective + 1) if effective % k == 0)
    return effective // steps, steps


def memory_of(
    forecaster: Any,
    place: Place,
    *,
    optimizer: int,
    dense_from: int | None,
    parts: int = 1,
    resident: int = 0,
    program: int = 0,
) -> Memory:
    """The memory that a forecaster will take; nothing is run.

    Args:
        forecaster: built under the policy that it will be trained under.
        place: where it would run.
        optimizer: bytes of the optimizer's own variables.
        dense_from: the first step scored under dense supervision, or None.
        parts: of a batch that run at the same time, each with its own gradients.
        resident: bytes of data in the same memory.
        program: bytes of the program in the same memory.
    """
    weights = _bytes(forecaster.variables)
    if place.compute_bytes < 4:
        weights += weights * place.compute_bytes // 4  # the cast copies
    task = forecaster.task
    scored = 1 if dense_from is None else task.lookback - dense_from
    truth = scored * task.horizon * len(task.target_indices)
    trained = forecaster if dense_from is None else forecaster.sequence_model()
    return Memory(
        params=forecaster.count_params(),
        weights=weights,
        gradients=parts * _bytes(forecaster.trainable_variables),
        optimizer=optimizer,
        window=4 * (task.lookback * task.channels + truth),
        activations=activations(trained, forecaster, place),
        resident=resident,
        program=program,
    )


def optimizer_bytes(optimizer: Any, forecaster: Any) -> int:
    """Bytes of an optimizer's variables for a model, moments and accumulated gradients among them.

    Every weight gets the same ones, in its own shape, so that the optimizer is built for one small weight and asked how
    many it keeps; building it for a whole model takes as long as building the model.
    """
    import keras

    small = keras.Variable(keras.ops.zeros((2, 3)))
    optimizer.build([small])
    kept = [variable for variable in optimizer.variables if tuple(variable.shape) == tuple(small.shape)]
    others = _bytes(optimizer.variables) - _bytes(kept)
    return others + _bytes(forecaster.trainable_variables) * len(kept)


def resident_bytes(dataset: Any) -> int:
    """Bytes of the data that a training run holds: the series, scaled inputs and truths with their tensors, indices."""
    tensors = dataset.inputs.nbytes + dataset.truths.nbytes
    indices = 3 * 8 * len(dataset.windows("train"))  # ends, and the order of this epoch and the next
    return loaded_bytes(dataset) + tensors + indices


def loaded_bytes(dataset: Any) -> int:
    """Bytes of the data before training: the series, scaled inputs and truths."""
    return dataset.series.values.nbytes + dataset.inputs.nbytes + dataset.truths.nbytes


def _bytes(variables: Any) -> int:
    """Bytes of variables; Keras' own optimizer has some without a shape, of one number each."""
    return sum(math.prod(tuple(v.shape)) * _size(v.dtype) for v in variables)


def _size(dtype: Any) -> int:
    name = str(dtype)
    return next(
        (size for ending, size in (("64", 8), ("16", 2), ("8", 1), ("bool", 1)) if name.endswith(ending)), 4
    )
