"""job=benchmark: a short probe of each model on each device here, and the users' table from it."""

import dataclasses
from pathlib import Path
from typing import Any

from tsforecast.config import Config
from tsforecast.config.groups import choice
from tsforecast.errors import UserError
from tsforecast.jobs import build
from tsforecast.jobs.plan import configs
from tsforecast.planning import machine
from tsforecast.planning.benchmark import markdown, summary
from tsforecast.planning.estimates import users
from tsforecast.runtime_options import DeviceKind
from tsforecast.tracking.run_folder import RunFolder


def main(config: Config, path: Path) -> None:
    """Times every model in a process of its own, prints the table, writes ``benchmark.json`` and ``benchmark.md``."""
    from tsforecast import runtime

    if config.training.batch_size == "auto":
        raise UserError("job=benchmark needs a batch to compare: set training.batch_size to a number.")
    dataset = build.build_data(config)
    windows, kinds = len(dataset.windows("train")), devices(config)
    rows: dict[str, dict[str, Any]] = {}
    served: dict[str, dict[str, Any]] = {}
    for kind in kinds:
        members = members_of(config)
        for name, one in members.items():
            row = timed(one, kind)
            rows.setdefault(row["device"], {})[name] = row
            print(f"{name} on {row['device']}: {row['train']['median']:.4f} s a step", flush=True)
        if len(members) > 1:
            row = timed(_together(config, list(members)), kind, what="forecast")
            served[row["device"]] = row
            print(f"the ensemble on {row['device']}: {row['infer']['median']:.4f} s a forecast", flush=True)
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
        "devices": summary(rows, served, windows=windows, batch_size=config.training.batch_size),
    }
    folder, text = RunFolder.create(path), markdown(result)
    folder.write_json("benchmark.json", result)
    folder.write_text_atomic("benchmark.md", text)
    print(text)
    print(folder.path, flush=True)


def devices(config: Config) -> list[DeviceKind]:
    """The kinds of device to time: all that are here, or the one that the config asks for."""
    if config.device.kind != "auto":
        return [config.device.kind]
    return ["cpu", "gpu"] if machine.cards() else ["cpu"]


def timed(config: Config, kind: DeviceKind, what: str = "time") -> dict[str, Any]:
    """Seconds of a train step at the config's batch and of a one-window forecast, on one kind of device."""
    from tsforecast.jobs.measure import measured

    there = dataclasses.replace(config, device=dataclasses.replace(config.device, kind=kind))
    (row,) = measured(there, [config.training.batch_size], what=what, seconds=config.plan.seconds)
    return row


def members_of(config: Config) -> dict[str, Config]:
    """The models to time: those that ``plan.models`` names, else the users' five."""
    wanted = config.plan.models if config.plan.models is not None else users()["members"]
    return configs(dataclasses.replace(config, plan=dataclasses.replace(config.plan, models=wanted)))


def _together(config: Config, members: list[str]) -> Config:
    """The config of the ensemble of these models."""
    ensemble = dataclasses.replace(config.ensemble, members=members)
    return dataclasses.replace(config, model=choice("model", "ensemble"), ensemble=ensemble)
