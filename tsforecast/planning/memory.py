"""The memory of a run in bytes, item by item, and the batch size that fits a device."""

import dataclasses
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tsforecast.planning.activations import Activations, count_activations
from tsforecast.planning.layer_memory import Execution
from tsforecast.storage.pages import MAX_BYTES

if TYPE_CHECKING:
    import keras

    from tsforecast.data.dataset import ForecastDataset
    from tsforecast.models.forecaster import Forecaster

USABLE = 0.92  # share of a device's memory: allocators leave gaps, and the device reserves some for itself
GPU_PROGRAM_BYTES = 1.0e9  # CUDA context, cuDNN and kernels; an allowance, not measured


@dataclasses.dataclass(frozen=True)
class MemoryEstimate:
    """The memory of training and forecasting with one model, in bytes; linear in the batch size.

    Args:
        params: Number of weights, trainable or not.
        weights: The weights, with their half-precision copies under a mixed policy.
        gradients: One gradient per trainable weight, for each part of a batch that is computed at the same time.
        optimizer: Moments, accumulated gradients and loss scale.
        window: Input and truth of one window.
        activations: Activations of one window.
        resident: Data in the same memory (on a CPU), independent of the batch size.
        program: Python, TensorFlow and compiled code; on a GPU its context.

    Example:
        >>> window = Activations(kept=900, work=90, worst="lstm_1", infer=500, values=400, uses=())
        >>> estimate = MemoryEstimate(10, 40, 40, 80, window=10, activations=window, resident=1000)
        >>> estimate.training(32)["step"]
        32160
        >>> estimate.largest_batch(100_000)
        90
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
        """Return the items of a train step at a batch size, and ``step``, their sum."""
        items = {
            "weights": self.weights,
            "gradients": self.gradients,
            "optimizer": self.optimizer,
            "batch": self.window * batch_size,
            "activations": self.activations.kept * batch_size,
            "workspace": self.activations.work * batch_size,
        }
        return items | {"step": sum(items.values())}

    def inference(self, batch_size: int) -> dict[str, int]:
        """Return the items of a forecast at a batch size, and ``step``, their sum."""
        items = {
            "weights": self.weights,
            "batch": 2 * self.window * batch_size,  # the batch itself, and the same batch divided into parts
            "workspace": self.activations.infer * batch_size,
        }
        return items | {"step": sum(items.values())}

    def peak(self, batch_size: int) -> int:
        """Return the peak of a training run: the step, the resident data and the program."""
        return self.training(batch_size)["step"] + self.resident + self.program

    def largest_batch(self, device_bytes: float) -> int:
        """Return the largest batch size that fits a device, 0 if not even one window fits."""
        fixed = self.peak(0)
        per_window = self.peak(1) - fixed
        return max(0, math.floor((USABLE * device_bytes - fixed) / per_window))


def compare_with_measurement(estimate: MemoryEstimate, row: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Return predicted and measured bytes of a train step and of a forecast, and their ``ratio``.

    What is in memory before a step is counted exactly; what the step adds to it is measured.

    Args:
        estimate: The prediction.
        row: ``batch_size``, and in ``train`` and ``infer`` the bytes that a call added (``measurement.measure_step``).
    """
    batch = row["batch_size"]
    before = estimate.weights + estimate.window * batch
    predicted = {"train": estimate.training(batch)["step"], "infer": estimate.inference(batch)["step"]}
    measured = {"train": before + estimate.optimizer + row["train"], "infer": before + row["infer"]}
    return {
        name: {"predicted": value, "measured": measured[name], "ratio": value / measured[name]}
        for name, value in predicted.items()
    }


def choose_accumulation(effective: int, largest: int) -> tuple[int, int]:
    """Return the batch size and accumulation that keep an effective batch size with the fewest steps.

    Args:
        effective: Windows per update, at least 1.
        largest: Largest batch size that fits, at least 1.

    Example:
        >>> choose_accumulation(256, 100)
        (64, 4)
    """
    steps = next(k for k in range(math.ceil(effective / largest), effective + 1) if effective % k == 0)
    return effective // steps, steps


def estimate_memory(
    forecaster: "Forecaster",
    execution: Execution,
    *,
    optimizer: int,
    dense_from: int | None,
    parts: int = 1,
    resident: int = 0,
    program: int = 0,
) -> MemoryEstimate:
    """Estimate the memory of a forecaster without running it.

    Args:
        forecaster: The model, built under the policy that it will be trained under.
        execution: Device and precision of the step.
        optimizer: Bytes of the optimizer's variables.
        dense_from: First supervised step under dense supervision, or None.
        parts: Parts of a batch that are computed at the same time, each with its own gradients.
        resident: Bytes of data in the same memory.
        program: Bytes of the program in the same memory.
    """
    weights = _total_bytes(forecaster.variables)
    if execution.compute_bytes < 4:
        weights += weights * execution.compute_bytes // 4  # the half-precision copies
    task = forecaster.task
    supervised = 1 if dense_from is None else task.lookback - dense_from
    truth = supervised * task.horizon * len(task.target_indices)
    trained = forecaster if dense_from is None else forecaster.sequence_model()
    return MemoryEstimate(
        params=forecaster.count_params(),
        weights=weights,
        gradients=parts * _total_bytes(forecaster.trainable_variables),
        optimizer=optimizer,
        window=4 * (task.lookback * task.channels + truth),
        activations=count_activations(trained, forecaster, execution),
        resident=resident,
        program=program,
    )


def optimizer_bytes(optimizer: "keras.optimizers.Optimizer", forecaster: "Forecaster") -> int:
    """Return the bytes of an optimizer's variables for a model, including accumulated gradients.

    An optimizer keeps the same variables for every weight, in the shape of the weight. It is built for one small weight
    here, because building it for a whole model takes as long as building the model.
    """
    import keras

    small = keras.Variable(keras.ops.zeros((2, 3)))
    optimizer.build([small])
    per_weight = [variable for variable in optimizer.variables if tuple(variable.shape) == tuple(small.shape)]
    others = _total_bytes(optimizer.variables) - _total_bytes(per_weight)
    return others + _total_bytes(forecaster.trainable_variables) * len(per_weight)


def training_data_bytes(dataset: "ForecastDataset") -> int:
    """Return the bytes of the data during training: the loaded data, their tensors and the window indices.

    Of data in mapped files, only the pages that a process keeps count.
    """
    if dataset.series.stored_range is not None:
        return series_bytes(dataset)
    tensors = dataset.inputs.nbytes + dataset.truths.nbytes
    indices = 3 * 8 * len(dataset.windows("train"))  # ends, and the order of this epoch and the next
    return series_bytes(dataset) + tensors + indices


def series_bytes(dataset: "ForecastDataset") -> int:
    """Return the bytes of the data before training: the series, scaled inputs and truths."""
    if dataset.series.stored_range is not None:
        return MAX_BYTES
    return dataset.series.values.nbytes + dataset.inputs.nbytes + dataset.truths.nbytes


def _total_bytes(variables: Iterable[Any]) -> int:
    # A Keras optimizer has variables without a shape, of one number each.
    return sum(math.prod(tuple(v.shape)) * _dtype_bytes(str(v.dtype)) for v in variables)


def _dtype_bytes(dtype: str) -> int:
    sizes = (("64", 8), ("16", 2), ("8", 1), ("bool", 1))
    return next((size for suffix, size in sizes if dtype.endswith(suffix)), 4)
