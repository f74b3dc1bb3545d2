"""job=plan: what a run will need, before it starts, next to the original estimates. Nothing is trained."""

import dataclasses
from pathlib import Path
from typing import Any

from tsforecast.config import Config, instantiate
from tsforecast.data.dataset import ForecastDataset
from tsforecast.errors import UserError
from tsforecast.files import display_path
from tsforecast.jobs import build, build_model, build_training
from tsforecast.jobs.measure import measure
from tsforecast.jobs.networks import Network, build_networks, scale_rows
from tsforecast.planning import batch_size, plan
from tsforecast.planning.console_tables import print_plan
from tsforecast.planning.device import device_memory, initialize_for_device
from tsforecast.planning.memory import MemoryEstimate, compare_with_measurement
from tsforecast.tracking.run_folder import RunFolder


def main(config: Config, path: Path) -> None:
    """Plan every model and the ensemble, print the tables and write ``plan.json``."""
    dataset = build.build_data(config)
    kind, info = initialize_for_device(
        config.device, config.precision.policy, backend=config.backend, seed=config.seed
    )
    device = plan.PlannedDevice(kind, device_memory(kind, config.device.memory_gb), info)
    program = batch_size.program_bytes(dataset, kind)
    if config.training.batch_size == "auto":
        config = build_training.fit_batch_size(config, dataset, build_model.forecaster(config, dataset), kind)
    networks = build_networks(config, dataset)
    if not networks:
        raise UserError(
            "None of plan.models has anything to train: name a network, as in plan.models=[lstm]."
        )
    estimates = {
        name: build_training.estimate_memory(network.config, dataset, network.model, kind, program)
        for name, network in networks.items()
    }
    plans = {
        name: _plan_network(network, estimates[name], dataset, device) for name, network in networks.items()
    }
    document = plan.plan_document(
        plans,
        estimates,
        dataset,
        training=config.training,
        device=device,
        members=config.ensemble.members,
        rows_by_scale=scale_rows(config),
    )
    folder = RunFolder.create(path)
    folder.write_json("plan.json", document)
    print_plan(document)
    print(display_path(folder.path), flush=True)


def _plan_network(
    network: Network, estimate: MemoryEstimate, dataset: ForecastDataset, device: plan.PlannedDevice
) -> dict[str, Any]:
    """Plan one network; time and measure it if the config says so."""
    config, model = network
    windows = len(dataset.windows("train"))
    result = plan.plan_model(model, estimate, config.training, windows=windows, available=device.memory)
    if config.plan.probe:
        updates = result["steps"] or result["steps_a_pass"]
        trainer = build_training.trainer(config, model, instantiate(config.loss), updates)
        result["time"] = plan.time_model(model, trainer, config.training, result, config.plan.seconds)
    if config.verify:
        result["verified"] = _verify(config, estimate, device)
    return result


def _verify(config: Config, estimate: MemoryEstimate, device: plan.PlannedDevice) -> dict[str, Any]:
    """Compare the plan with a train step and a forecast on this machine."""
    config = dataclasses.replace(
        config,
        device=dataclasses.replace(
            config.device, kind="cpu" if device.info.device == "cpu" else "gpu", memory_gb=None
        ),
        precision=dataclasses.replace(config.precision, policy=device.info.policy),
    )
    (row,) = measure(config, [config.training.batch_size])
    return compare_with_measurement(estimate, row)
