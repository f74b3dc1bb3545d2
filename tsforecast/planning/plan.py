"""The content of ``plan.json``: memory, steps and time of each model, and of the ensemble at each scale."""

import dataclasses
from typing import TYPE_CHECKING, Any

from tsforecast.planning import measurement
from tsforecast.planning.ensemble import compare_estimates, project_to_scales, summarize_ensemble
from tsforecast.planning.estimates import user_estimates
from tsforecast.planning.memory import MemoryEstimate, choose_accumulation, training_data_bytes
from tsforecast.runtime import RuntimeInfo
from tsforecast.timing import seconds_per_call

if TYPE_CHECKING:
    from tsforecast.data.dataset import ForecastDataset
    from tsforecast.models.protocol import Model
    from tsforecast.training.options import TrainingOptions
    from tsforecast.training.trainer import Trainer


@dataclasses.dataclass(frozen=True)
class PlannedDevice:
    """The device that a plan is for.

    Args:
        kind: ``cpu`` or ``gpu``.
        memory: Memory in bytes, None if unknown.
        info: What the planning process runs with, under the policy of the planned device.

    Example:
        >>> info = RuntimeInfo("cpu", "AMD EPYC, 2 cores", "mixed_float16", {})
        >>> PlannedDevice("gpu", 32e9, info).to_dict()["policy"]
        'mixed_float16'
    """

    kind: str
    memory: float | None
    info: RuntimeInfo

    def to_dict(self) -> dict[str, Any]:
        """Return the entry ``device`` of ``plan.json``."""
        return {
            "kind": self.kind,
            "name": self.info.device_name,
            "memory": self.memory,
            "policy": self.info.policy,
        }


def plan_model(
    model: "Model",
    estimate: MemoryEstimate,
    training: "TrainingOptions",
    *,
    windows: int,
    available: float | None,
) -> dict[str, Any]:
    """Return the plan of one network: sizes in bytes, and the number of steps.

    Args:
        model: The network.
        estimate: Its memory.
        training: Options of the run, with a number as batch size.
        windows: Number of training windows.
        available: Memory of the device in bytes, None if unknown.
    """
    return {
        **_memory_items(estimate, training, available),
        "params": estimate.params,
        "users_params": model.nominal_params,
        **count_steps(training, windows),
        "inputs": 4 * training.batch_size * model.task.lookback * model.task.channels,
    }


def _memory_items(
    estimate: MemoryEstimate, training: "TrainingOptions", available: float | None
) -> dict[str, Any]:
    batch_size, activations = training.batch_size, estimate.activations
    largest = None if available is None else estimate.largest_batch(available)
    effective = batch_size * training.accumulate_steps
    return {
        "training": estimate.training(batch_size),
        "inference": estimate.inference(batch_size),
        "values": activations.values * batch_size,
        "worst_layer": activations.worst,
        "layers": [dataclasses.asdict(use) for use in activations.uses],
        "resident": estimate.resident,
        "program": estimate.program,
        "peak": estimate.peak(batch_size),
        "largest_batch": largest,
        "accumulation": choose_accumulation(effective, largest) if largest else None,
        "fits": None if largest is None else batch_size <= largest,
    }


def count_steps(training: "TrainingOptions", windows: int) -> dict[str, int | None]:
    """Return the updates of a run's budget as ``steps`` (None without a limit), and of one pass as ``steps_a_pass``."""
    steps_per_pass = max(1, windows // (training.batch_size * training.accumulate_steps))
    limits = [
        training.max_steps,
        training.max_epochs and training.max_epochs * (training.steps_per_epoch or steps_per_pass),
    ]
    return {"steps": min((limit for limit in limits if limit), default=None), "steps_a_pass": steps_per_pass}


def time_model(
    model: "Model", trainer: "Trainer", training: "TrainingOptions", plan: dict[str, Any], seconds: float
) -> dict[str, Any]:
    """Time a train step and a forecast on this machine, and extrapolate to the run and to one pass.

    Args:
        model: The network.
        trainer: Its compiled trainer.
        training: Options of the run.
        plan: Result of ``plan_model``.
        seconds: Approximate time to spend on each timed call.
    """
    step = seconds_per_call(measurement.training_call(trainer, training.batch_size), seconds)
    forecast = seconds_per_call(measurement.forecast_call(model, 1), seconds)
    update = step["median"] * training.accumulate_steps
    return {
        "step": step,
        "forecast": forecast,
        "run_seconds": plan["steps"] and plan["steps"] * update + step["first"],
        "pass_seconds": plan["steps_a_pass"] * update,
    }


def plan_document(
    plans: dict[str, dict[str, Any]],
    estimates: dict[str, MemoryEstimate],
    dataset: "ForecastDataset",
    *,
    training: "TrainingOptions",
    device: PlannedDevice,
    members: list[str],
    rows_by_scale: dict[str, int],
) -> dict[str, Any]:
    """Return the content of ``plan.json``; sizes in bytes, times in seconds.

    Args:
        plans: Plan of each model.
        estimates: Memory of each model.
        dataset: The data of the plan.
        training: Options of the run.
        device: The device that the plan is for.
        members: Names of the ensemble's members.
        rows_by_scale: Number of rows at each scale; empty for the rows of the dataset only.
    """
    rows = len(dataset.series)
    ensemble = summarize_ensemble(plans, members)
    projections = project_to_scales(
        plans,
        estimates,
        ensemble,
        rows_by_scale=rows_by_scale or {"here": rows},
        planned_rows=rows,
        data=training_data_bytes(dataset),
        batch_size=training.batch_size,
        device_bytes=device.memory,
    )
    return {
        "device": device.to_dict(),
        "batch_size": training.batch_size,
        "accumulate_steps": training.accumulate_steps,
        "rows": rows,
        "models": plans,
        "ensemble": ensemble,
        "scales": projections,
        "estimates": compare_estimates(plans, ensemble, projections, device.kind),
        "source": user_estimates()["source"],
    }
