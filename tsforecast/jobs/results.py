"""Names under which the ensemble's job finds how a run ends."""

import dataclasses
from typing import Any

from tsforecast.config import Config
from tsforecast.data.series import Series
from tsforecast.data.splits import Borders
from tsforecast.evaluation.provenance import describe_provenance
from tsforecast.evaluation.result import RunResult
from tsforecast.evaluation.summary import print_data as print_notes
from tsforecast.evaluation.summary import print_model
from tsforecast.jobs.finish import RunAdditions as Findings
from tsforecast.jobs.finish import finish_run as write
from tsforecast.runtime import RuntimeInfo
from tsforecast.tracking.run_folder import RunFolder

__all__ = ["Findings", "print_model", "print_notes", "provenance", "read", "write"]


def provenance(config: Config, series: Series, runtime: RuntimeInfo, borders: Borders = ()) -> dict[str, Any]:
    """Return what the figures of a run depend on."""
    window = dataclasses.asdict(config.window)
    return dict(describe_provenance(series, borders, window, config.seed, runtime))


def read(folder: RunFolder) -> dict[str, Any]:
    """Return the result of a finished run."""
    return RunResult.read(folder.result).to_json()
