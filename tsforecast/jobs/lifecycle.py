"""The life of a job's run folder: opened or resumed, tracked, and closed with what became of the run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tsforecast.config import Config, stem, tracker_starters
from tsforecast.config.stored import as_yaml
from tsforecast.data.identity import DataIdentity
from tsforecast.errors import UserError
from tsforecast.evaluation.result import RunResult, is_finished, record_failure
from tsforecast.stages import stage
from tsforecast.tracking.artifacts import artifact_name
from tsforecast.tracking.background import start_trackers
from tsforecast.tracking.run_data import read_identity, record_data
from tsforecast.tracking.run_folder import RunFolder

if TYPE_CHECKING:
    from tsforecast.data.dataset import ForecastDataset
    from tsforecast.tracking.protocol import Tracker


def ensure_not_finished(config: Config, folder: RunFolder) -> None:
    """Refuse to resume a finished run.

    Raises:
        UserError: The folder that ``config.resume`` names contains a finished run.
    """
    if config.resume is not None and is_finished(folder.path):
        raise UserError(f"{folder.path} is finished: see {folder.report}, or start a new run.")


@contextmanager
def open_run(config: Config, path: Path, dataset: ForecastDataset) -> Iterator[tuple[RunFolder, Tracker]]:
    """Create the folder of a run, or open that of a resumed one, and start its tracker.

    Call it after every check that can refuse the run: nothing is written before. If the block fails or is interrupted,
    the run's ``result.json`` says so.

    Args:
        config: Checked config, written to a new folder.
        path: Folder of the run.
        dataset: Data of the run, recorded for when it is resumed.
    """
    folder = RunFolder.create(path)
    if config.resume is None:
        folder.write_text_atomic("config.yaml", as_yaml(config))
        record_data(folder, dataset)
    trackers = start_trackers(tracker_starters(config, folder))
    with record_failure(folder.path), ExitStack() as stack:
        with stage("tracker"):
            tracker = stack.enter_context(trackers)
        data = read_identity(folder) or DataIdentity.from_series(dataset.series).to_dict()
        facts = {key: value for key, value in data.items() if key != "ends"}  # one entry for each series
        tracker.use_data(artifact_name(data["name"] or stem(config.data)), data["hash"], facts)
        yield folder, tracker
        with stage("tracker"):
            stack.close()
        if is_finished(folder.path):
            RunResult.read(folder.result).write_with_stages(folder.path)
