"""job=plan: what a run will need, before it starts, beside the users' own estimates; nothing is trained."""

import dataclasses
import importlib
from pathlib import Path
from typing import Any

from tsforecast.config import Config, instantiate, stem
from tsforecast.config.ensemble_checks import member_options
from tsforecast.config.groups import choice, names
from tsforecast.data.dataset import ForecastDataset
from tsforecast.errors import UserError
from tsforecast.jobs import build, sizing
from tsforecast.planning import estimates, machine
from tsforecast.planning.memory import Memory, accumulation, beside
from tsforecast.runtime import RuntimeInfo
from tsforecast.tracking.run_folder import RunFolder

ENSEMBLE = "ensemble"


def main(config: Config, path: Path) -> None:
    """Plans every model and the ensemble, prints the tables and writes ``plan.json``."""
    dataset = build.build_data(config)
    device, facts = prepared_device(config)
    program = sizing.program_bytes(dataset, device)
    if config.training.batch_size == "auto":
        there = sizing.device_bytes(config, device)
        model = build.forecaster(config, dataset)
        chosen = sizing.automatic(sizing.memory(config, dataset, model, device), there, _windows(dataset))
        config = sizing.with_batch(config, chosen)
    found = networks(config, dataset)
    if not found:
        raise UserError(
            "None of plan.models has anything to train: name a network, as in plan.models=[lstm]."
        )
    memories = {
        name: sizing.memory(one, dataset, model, device, program) for name, (one, model) in found.items()
    }
    plans = {
        name: _plan(one, dataset, model, memories[name], device, facts)
        for name, (one, model) in found.items()
    }
    result = _document(config, dataset, device, facts, plans, memories)
    from tsforecast.planning.tables import show

    folder = RunFolder.create(path)
    folder.write_json("plan.json", result)
    show(result)
    print(folder.path, flush=True)


def prepared_device(config: Config) -> tuple[str, RuntimeInfo]:
    """The device to plan for (cpu or gpu), with the global state set to build models as they would be there.

    A plan for a GPU that is not here is made on the CPU, under the precision that the GPU would have.
    """
    from tsforecast import runtime

    here = bool(machine.cards())
    device = "gpu" if config.device.kind == "gpu" or (config.device.kind == "auto" and here) else "cpu"
    capability = config.device.compute_capability
    if device == "gpu" and capability is None and here:
        capability = machine.cards()[0].compute_capability
    facts = runtime.initialize(
        backend=config.backend,
        seed=config.seed,
        policy=runtime.resolve_policy(config.precision.policy, device, capability),
        kind="auto" if here and device == "gpu" else "cpu",
        memory_gb=None,
        threads=config.device.threads,
    )
    return device, facts


def configs(config: Config) -> dict[str, Config]:
    """The config once for each model to look at: its own and those that ``plan.models`` names (null: all)."""
    own = stem(config.model)
    wanted = config.plan.models if config.plan.models is not None else sorted({*names("model"), own})
    nodes = {
        name: config.model if name == own else choice("model", name) for name in wanted if name != ENSEMBLE
    }
    return {name: dataclasses.replace(config, model=node) for name, node in nodes.items()}


def networks(config: Config, dataset: ForecastDataset) -> dict[str, tuple[Config, Any]]:
    """Each network to look at, built, with its config; last the ensemble where it is named or all members are there."""
    found = {}
    for name, one in configs(config).items():
        model = _network(one, dataset)
        if model is not None:
            found[name] = one, model
    members, named = config.ensemble.members, config.plan.models or [stem(config.model)]
    if ENSEMBLE in named or set(members) <= set(found):
        found[ENSEMBLE] = _ensemble(config, dataset, found)
    return found


def _network(config: Config, dataset: ForecastDataset) -> Any:
    """The model of a config; None where there is nothing to train."""
    try:
        model = build.forecaster(config, dataset)
    except UserError:
        if config.plan.models is not None:
            raise
        return None  # of all models some may not fit the window, as a seasonal baseline without a season
    return model if getattr(model, "trainable_variables", None) else None


def _ensemble(
    config: Config, dataset: ForecastDataset, found: dict[str, tuple[Config, Any]]
) -> tuple[Config, Any]:
    """The ensemble with its config: of the members that were built already where they are the ones it would train."""
    whole = dataclasses.replace(config, model=choice("model", ENSEMBLE))
    members = config.ensemble.members
    same = all(
        name in found and found[name][0].model == choice("model", name) | member_options(config, name)
        for name in members
    )
    if not same:
        return whole, build.forecaster(whole, dataset)
    built = [found[name][1] for name in members]
    return whole, build.ensemble(whole, dataset, built, members, config.ensemble.weighting)


def _plan(
    config: Config, dataset: ForecastDataset, model: Any, memory: Memory, device: str, facts: RuntimeInfo
) -> dict[str, Any]:
    """The plan of one network."""
    plan = _lines(config, memory, sizing.device_bytes(config, device))
    plan |= {"params": memory.params, "users_params": model.nominal_params}
    plan |= _steps(config, dataset)
    plan["inputs"] = 4 * config.training.batch_size * config.window.lookback * len(dataset.channels)
    if config.plan.probe:
        plan["time"] = _probed(config, model, plan)
    if config.verify:
        plan["verified"] = verified(config, memory, facts)
    return plan


def _lines(config: Config, memory: Memory, there: float | None) -> dict[str, Any]:
    batch, accumulate = config.training.batch_size, config.training.accumulate_steps
    largest = None if there is None else memory.largest_batch(there)
    kept = memory.activations
    return {
        "training": memory.training(batch),
        "inference": memory.inference(batch),
        "values": kept.values * batch,
        "worst_layer": kept.worst,
        "layers": [dataclasses.asdict(use) for use in kept.uses],
        "resident": memory.resident,
        "program": memory.program,
        "peak": memory.peak(batch),
        "largest_batch": largest,
        "accumulation": accumulation(batch * accumulate, largest) if largest else None,
        "fits": None if largest is None else batch <= largest,
    }


def _steps(config: Config, dataset: ForecastDataset) -> dict[str, Any]:
    """Updates of this run's budget, and of one pass over the training windows."""
    training, windows = config.training, _windows(dataset)
    a_pass = max(1, windows // (training.batch_size * training.accumulate_steps))
    given = [
        training.max_steps,
        training.max_epochs and training.max_epochs * (training.steps_per_epoch or a_pass),
    ]
    limits = [limit for limit in given if limit]
    return {"steps": min(limits) if limits else None, "steps_a_pass": a_pass}


def _probed(config: Config, model: Any, plan: dict[str, Any]) -> dict[str, Any]:
    """Seconds a step and a forecast on this machine, and what follows for the run."""
    from tsforecast.planning import probe
    from tsforecast.timing import seconds_per_call

    trainer = build.trainer(config, model, instantiate(config.loss), plan["steps"] or plan["steps_a_pass"])
    step = seconds_per_call(probe.training_call(trainer, config.training.batch_size), config.plan.seconds)
    one = seconds_per_call(probe.forecast_call(model, 1), config.plan.seconds)
    update = step["median"] * config.training.accumulate_steps
    return {
        "step": step,
        "forecast": one,
        "run_seconds": plan["steps"] and plan["steps"] * update + step["first"],
        "pass_seconds": plan["steps_a_pass"] * update,
    }


def verified(config: Config, memory: Memory, facts: RuntimeInfo) -> dict[str, Any]:
    """Predicted and measured bytes of a train step and of a forecast, measured in a fresh process."""
    from tsforecast.jobs.measure import measured

    here = dataclasses.replace(config.device, kind="cpu" if facts.device == "cpu" else "gpu", memory_gb=None)
    precision = dataclasses.replace(config.precision, policy=facts.policy)
    batch = config.training.batch_size
    (row,) = measured(dataclasses.replace(config, device=here, precision=precision), [batch])
    return beside(memory, row)


def _windows(dataset: ForecastDataset) -> int:
    return len(dataset.windows("train"))


def _document(
    config: Config,
    dataset: ForecastDataset,
    device: str,
    facts: RuntimeInfo,
    plans: dict[str, Any],
    memories: dict[str, Memory],
) -> dict[str, Any]:
    """What ``plan.json`` holds; all sizes in bytes, all times in seconds."""
    from tsforecast.planning.ensemble import compared, scales, together
    from tsforecast.planning.memory import resident_bytes

    own, there = len(dataset.series), sizing.device_bytes(config, device)
    ensemble = together(plans, config.ensemble.members)
    grown = scales(
        plans,
        memories,
        ensemble,
        rows_of=scale_rows(config) or {"here": own},
        own=own,
        data=resident_bytes(dataset),
        batch_size=config.training.batch_size,
        device_bytes=there,
    )
    return {
        "device": {
            "kind": device,
            "name": facts.device_name,
            "memory": there,
            "policy": facts.policy,
        },
        "batch_size": config.training.batch_size,
        "accumulate_steps": config.training.accumulate_steps,
        "rows": own,
        "models": plans,
        "ensemble": ensemble,
        "scales": grown,
        "estimates": compared(plans, ensemble, grown, device),
        "source": estimates.users()["source"],
    }


def scale_rows(config: Config) -> dict[str, int]:
    """Rows of each scale; all there are where the source tells. None where the scale group has no say in these data."""
    if config.data.get("rows") != config.scale.rows:
        return {}
    rows = {name: choice("scale", name)["rows"] for name in names("scale")}
    source = importlib.import_module(config.data["_target_"].rpartition(".")[0])
    known = {name: count or getattr(source, "ALL_ROWS", None) for name, count in rows.items()}
    return {name: count for name, count in known.items() if count is not None}
