"""Hands a checked config to its job."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from hydra import utils
from hydra.core.hydra_config import HydraConfig

from tsforecast.config.instantiate import tracker_starters
from tsforecast.config.schema import Config
from tsforecast.stages import measure_stages
from tsforecast.tracking.background import start_trackers
from tsforecast.tracking.current import COMMANDS, use_tracker
from tsforecast.tracking.run_folder import RunFolder


def dispatch(config: Config, folder: Path | None = None) -> float | None:
    """Run the job that the config names; return the job's objective.

    Args:
        config: The checked config.
        folder: Folder of the run; None for the one that Hydra gave this command.
    """
    job = utils.get_method(config.job._target_)
    path = Path(HydraConfig.get().runtime.output_dir) if folder is None else folder
    with measure_stages(), track_command(config, path):
        return job(config, path)


@contextmanager
def track_command(config: Config, path: Path) -> Iterator[None]:
    """Track a job that works with models in service, as one run of its own; a training tracks its runs itself.

    Args:
        config: Config of the job.
        path: Folder of the command; the files of the trackers are in a folder in it.
    """
    if config.job.name not in COMMANDS:
        yield
        return
    # A replay is resumed in its folder; every other command is a new run, whatever its folder holds.
    name = "tracking" if config.job.name == "replay" else f"tracking_{datetime.now():%Y%m%d-%H%M%S}"
    with start_trackers(tracker_starters(config, RunFolder(path / name))) as tracker, use_tracker(tracker):
        yield
