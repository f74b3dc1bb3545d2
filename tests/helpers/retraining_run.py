"""Retrains in a separate process: killed at every step and repeated, on a sound day and on damaged ones.

Prints one JSON document. ``python retraining_run.py FOLDER``, in a folder with a tiny run.
"""

import dataclasses
import functools
import json
import shutil
import sys
from pathlib import Path

from hydra import compose, initialize_config_dir

from tsforecast.config import check, sweepers
from tsforecast.config.stored import load
from tsforecast.installation import CONF
from tsforecast.jobs import build_training, promote
from tsforecast.jobs import replay as replay_job
from tsforecast.jobs.champion import create_recipe
from tsforecast.registry import Registry, gate, replay, retraining
from tsforecast.tracking.run_folder import RunFolder

DAY = 1440
NEW = 6000 + DAY


class Killed(BaseException):
    """Stands for a kill: nothing may catch it and clean up."""


def config(folder, rows, *more):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return check(
            compose(
                "config",
                overrides=[
                    "job=retrain",
                    f"registry.path={folder}",
                    f"retrain.rows={rows}",
                    "retrain.train_days=2",
                    "retrain.val_days=0.5",
                    "retrain.held_out_days=0.5",
                    "retrain.max_steps=24",
                    "retrain.learning_rate=1e-3",
                    "retrain.latency_ms=60000",
                    *more,
                ],
            )
        )


def kill_before(module, name, run):
    """Run with one function replaced by a kill; return whether the run got there."""
    original = getattr(module, name)

    def kill(*arguments, **options):
        raise Killed

    setattr(module, name, kill)
    try:
        run()
    except Killed:
        return True
    finally:
        setattr(module, name, original)
    return False


def retrain(command, registry, change=None):
    return retraining.retrain_champion(
        registry, functools.partial(create_recipe, command), command.retrain, change
    )


def replay_days(folder, registry):
    """Replay three days, the third of them damaged: killed before the second is scored, and resumed."""
    overrides = ["job=replay", "retrain.replay_days=3", "retrain.damage={2: units}"]
    command = config(registry.path, 6000, *overrides)
    original, calls = replay.score_day, []

    def kill_at_second(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise Killed
        return original(*arguments)

    replay.score_day = kill_at_second
    try:
        replay_job.main(command, folder / "replay")
    except Killed:
        before = json.loads((folder / "replay" / "replay.json").read_text())
    finally:
        replay.score_day = original
    replay_job.main(command, folder / "replay")
    return {
        "before": before,
        "after": json.loads((folder / "replay" / "replay.json").read_text()),
        "table": (folder / "replay" / "replay.md").read_text(),
        "scored": len(calls),
        "champion": registry.champion_name(),
    }


def main():
    sweepers.register()
    folder = Path(sys.argv[1])
    registry = Registry(folder / "registry")
    intervals = config(registry.path, 6000).intervals
    trained = dataclasses.replace(load(folder / "run" / "config.yaml"), intervals=intervals)
    first = promote.register(trained, RunFolder(folder / "run"), registry)
    registry.promote(first.name, "to begin with")
    results = {"kills": [], "damaged": {}}
    results["nothing"] = retrain(config(registry.path, 6000), registry)["outcome"]
    command = config(registry.path, NEW)
    results["replay"] = replay_days(folder, registry)
    for kind in ("units", "stuck", "missing"):
        copy = Registry(folder / kind)
        shutil.copytree(registry.path, copy.path)
        outcome = retrain(
            config(copy.path, NEW), copy, lambda series, kind=kind: replay.damage_series(series, 6000, kind)
        )
        results["damaged"][kind] = [outcome["outcome"], outcome["why"], copy.champion_name()]
    steps = [
        (retraining, "find_faults"),
        (build_training, "train"),
        (gate, "compare_models"),
        (Registry, "add"),
        (Registry, "promote"),
        (RunFolder, "write_json"),
    ]
    for module, name in steps:
        killed = kill_before(module, name, lambda: retrain(command, registry))
        results["kills"].append([name, killed, registry.champion_name()])
    outcome = retrain(command, registry)
    results["outcome"] = [outcome["outcome"], outcome["why"], registry.champion_name()]
    results["versions"] = [version.name for version in registry.versions()]
    results["again"] = retrain(command, registry)["outcome"]
    print(json.dumps(results))


main()
