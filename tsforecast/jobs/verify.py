"""job=verify: the plan's memory against measured steps, for every network at several batches and precisions."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from tsforecast.config import Config
from tsforecast.data.dataset import ForecastDataset
from tsforecast.jobs import build, sizing
from tsforecast.jobs.measure import measured
from tsforecast.jobs.plan import networks, prepared_device
from tsforecast.planning.memory import beside
from tsforecast.planning.verification import markdown, outside
from tsforecast.runtime_options import Policy
from tsforecast.tracking.run_folder import RunFolder

MEASURED = "measured.json"


def main(config: Config, path: Path) -> float:
    """Writes ``verify.json`` and the table ``verify.md``; returns how many ratios lie outside the tolerance.

    What was measured lies in ``measured.json``: with ``hydra.run.dir=FOLDER`` again, only what is missing is measured.
    """
    folder, wanted = RunFolder.create(path), config.plan
    rows = _kept(folder)
    for policy in wanted.policies:
        for name, one in _asked(_with_policy(config, policy)).items():
            found = rows.setdefault(f"{name} {policy}", [])
            missing = sorted({*wanted.batches} - {row["batch_size"] for row in found})
            if missing:
                found += measured(one, missing)
                folder.write_json(MEASURED, rows)
                print(f"{name}, {policy}: measured at {', '.join(map(str, missing))} windows", flush=True)
    ratios, facts = _compared(config, rows)
    result = {"ratios": ratios, "outside": outside(ratios), **facts}
    text = markdown(result)
    folder.write_json("verify.json", result)
    folder.write_text_atomic("verify.md", text)
    print(text)
    print(folder.path, flush=True)
    return float(len(result["outside"]))


def _kept(folder: RunFolder) -> dict[str, list[dict[str, Any]]]:
    file = folder.path / MEASURED
    return json.loads(file.read_text()) if file.is_file() else {}


def _with_policy(config: Config, policy: Policy) -> Config:
    return dataclasses.replace(config, precision=dataclasses.replace(config.precision, policy=policy))


def _asked(config: Config) -> dict[str, Config]:
    """The networks among the models to look at."""
    dataset = build.build_data(config)
    prepared_device(config)
    return {name: one for name, (one, _) in networks(config, dataset).items()}


def _compared(config: Config, rows: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A row for each network, policy, batch and kind of step; and the device with the policies as it resolved them."""
    from tsforecast import runtime

    dataset, name = build.build_data(config), ""
    ratios: list[dict[str, Any]] = []
    resolved: dict[str, str] = {}
    for policy in config.plan.policies:
        device, facts = prepared_device(_with_policy(config, policy))
        resolved[policy], name = facts.policy, facts.device_name
        ratios += _of_policy(_with_policy(config, policy), dataset, rows, policy, device)
    return ratios, {
        "device": name,
        "resolved": resolved,
        "versions": runtime.versions(config.backend),
        "batches": config.plan.batches,
        "policies": config.plan.policies,
    }


def _of_policy(
    config: Config, dataset: ForecastDataset, rows: dict[str, Any], policy: str, device: str
) -> list[dict[str, Any]]:
    found = []
    for name, (one, model) in networks(config, dataset).items():
        memory = sizing.memory(one, dataset, model, device, program=0)
        for row in rows.get(f"{name} {policy}", []):
            for step, figures in beside(memory, row).items():
                found.append(
                    {
                        "model": name,
                        "policy": policy,
                        "batch_size": row["batch_size"],
                        "step": step,
                        **figures,
                    }
                )
    return found
