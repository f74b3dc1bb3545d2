"""job=verify: planned and measured memory of every network at several batch sizes and precisions."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from tsforecast import runtime
from tsforecast.config import Config
from tsforecast.data.dataset import ForecastDataset
from tsforecast.files import display_path
from tsforecast.jobs import build, build_training
from tsforecast.jobs.measure import measure
from tsforecast.jobs.networks import build_networks
from tsforecast.planning.device import initialize_for_device
from tsforecast.planning.verification import compare_rows, markdown, rows_outside_tolerance
from tsforecast.runtime_options import Policy
from tsforecast.tracking.run_folder import RunFolder

MEASURED = "measured.json"


def main(config: Config, path: Path) -> float:
    """Write ``verify.json`` and ``verify.md``; return the number of ratios outside the tolerance.

    Measurements are stored in ``measured.json``: in an existing folder, only what is missing is measured.
    """
    folder = RunFolder.create(path)
    rows = _measure_missing(config, folder)
    result: dict[str, Any] = {"ratios": [], "resolved": {}}
    dataset = build.build_data(config)
    for policy in config.plan.policies:
        info, ratios = _compare_policy(_set_policy(config, policy), dataset, rows)
        result["ratios"] += ratios
        result["resolved"][policy] = info.policy
        result["device"] = info.device_name
    result |= {
        "outside": rows_outside_tolerance(result["ratios"]),
        "versions": runtime.versions(config.backend),
        "batches": config.plan.batches,
        "policies": config.plan.policies,
    }
    text = markdown(result)
    folder.write_json("verify.json", result)
    folder.write_text_atomic("verify.md", text)
    print(text)
    print(display_path(folder.path), flush=True)
    return float(len(result["outside"]))


def _measure_missing(config: Config, folder: RunFolder) -> dict[str, list[dict[str, Any]]]:
    """Measure what is not yet in the folder; return all measurements by model and policy."""
    file = folder.path / MEASURED
    rows: dict[str, list[dict[str, Any]]] = json.loads(file.read_text()) if file.is_file() else {}
    for policy in config.plan.policies:
        policy_config = _set_policy(config, policy)
        dataset = build.build_data(policy_config)
        _initialize(policy_config)
        for name, network in build_networks(policy_config, dataset).items():
            measured = rows.setdefault(f"{name} {policy}", [])
            missing = sorted({*config.plan.batches} - {row["batch_size"] for row in measured})
            if missing:
                measured += measure(network.config, missing)
                folder.write_json(MEASURED, rows)
                print(f"{name}, {policy}: measured at {', '.join(map(str, missing))} windows", flush=True)
    return rows


def _compare_policy(
    config: Config, dataset: ForecastDataset, rows: dict[str, list[dict[str, Any]]]
) -> tuple[runtime.RuntimeInfo, list[dict[str, Any]]]:
    """Return what the process runs with under a policy, and a row for each network, batch size and kind of step."""
    policy = config.precision.policy
    kind, info = _initialize(config)
    ratios = []
    for name, (network_config, model) in build_networks(config, dataset).items():
        estimate = build_training.estimate_memory(network_config, dataset, model, kind, program=0)
        ratios += compare_rows(name, policy, estimate, rows.get(f"{name} {policy}", []))
    return info, ratios


def _initialize(config: Config) -> tuple[str, runtime.RuntimeInfo]:
    return initialize_for_device(
        config.device, config.precision.policy, backend=config.backend, seed=config.seed
    )


def _set_policy(config: Config, policy: Policy) -> Config:
    precision = dataclasses.replace(config.precision, policy=policy)
    return dataclasses.replace(config, precision=precision)
