"""job=benchmark: time each model on each device of this machine, next to the original estimates."""

import dataclasses
from pathlib import Path
from typing import Any

from tsforecast import runtime
from tsforecast.config import Config
from tsforecast.config.groups import choice
from tsforecast.errors import UserError
from tsforecast.files import display_path
from tsforecast.jobs import build
from tsforecast.jobs.measure import measure
from tsforecast.jobs.networks import model_configs
from tsforecast.planning import machine
from tsforecast.planning.benchmark import markdown, summarize
from tsforecast.planning.estimates import user_estimates
from tsforecast.runtime_options import DeviceKind
from tsforecast.tracking.run_folder import RunFolder


def main(config: Config, path: Path) -> None:
    """Time every model in its own process, print the table, write ``benchmark.json`` and ``benchmark.md``."""
    if config.training.batch_size == "auto":
        raise UserError("job=benchmark needs a fixed batch size: set training.batch_size to a number.")
    dataset = build.build_data(config)
    windows, kinds = len(dataset.windows("train")), _device_kinds(config)
    rows: dict[str, dict[str, Any]] = {}
    served: dict[str, dict[str, Any]] = {}
    members = select_models(config)
    for kind in kinds:
        for name, member in members.items():
            row = _time(member, kind)
            rows.setdefault(row["device"], {})[name] = row
            print(f"{name} on {row['device']}: {row['train']['median']:.4f} s per step", flush=True)
        if len(members) > 1:
            row = _time(_combine(config, list(members)), kind, what="forecast")
            served[row["device"]] = row
            print(f"the ensemble on {row['device']}: {row['infer']['median']:.4f} s per forecast", flush=True)
    result = {
        "rows": len(dataset.series),
        "windows": windows,
        "batch_size": config.training.batch_size,
        "policy": config.precision.policy,
        "backend": config.backend,
        "versions": runtime.versions(config.backend),
        "kinds": dict(zip(rows, kinds, strict=True)),
        "timed": rows,
        "served": served,
        "devices": summarize(rows, served, windows=windows, batch_size=config.training.batch_size),
    }
    folder, text = RunFolder.create(path), markdown(result)
    folder.write_json("benchmark.json", result)
    folder.write_text_atomic("benchmark.md", text)
    print(text)
    print(display_path(folder.path), flush=True)


def _device_kinds(config: Config) -> list[DeviceKind]:
    """Return the kinds of device to time: the configured one, or all of this machine."""
    if config.device.kind != "auto":
        return [config.device.kind]
    return ["cpu", "gpu"] if machine.list_gpus() else ["cpu"]


def _time(config: Config, kind: DeviceKind, what: str = "time") -> dict[str, Any]:
    """Time a train step and a forecast of one window on one kind of device."""
    config = dataclasses.replace(config, device=dataclasses.replace(config.device, kind=kind))
    (row,) = measure(config, [config.training.batch_size], what=what, seconds=config.plan.seconds)
    return row


def select_models(config: Config) -> dict[str, Config]:
    """Return the configs of the models to time: those of ``plan.models``, or the ensemble's five models."""
    models = config.plan.models
    return model_configs(config, user_estimates()["members"] if models is None else models)


def _combine(config: Config, members: list[str]) -> Config:
    """Return the config of the ensemble of these models."""
    ensemble = dataclasses.replace(config.ensemble, members=members)
    return dataclasses.replace(config, model=choice("model", "ensemble"), ensemble=ensemble)
