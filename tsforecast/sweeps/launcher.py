"""Jobs that a Hydra launcher (Ray, Slurm) runs on other machines, in folders that all machines see."""

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tsforecast.installation import IMPORT_ROOT
from tsforecast.sweeps.outcome import read_outcome, write
from tsforecast.sweeps.runner import prepare
from tsforecast.sweeps.study import Job


def launch(launcher: Callable[..., Sequence[Any]], jobs: Sequence[Job], folders: Sequence[Path]) -> None:
    """Launches all jobs at once and waits for them; one that left no result in its folder is written down as failed.

    Args:
        launcher: Hydra's ``Launcher.launch``.
        jobs: to run.
        folders: one a job.
    """
    overrides = []
    for job, folder in zip(jobs, folders, strict=True):
        arguments = [a for a in prepare(job, folder) if not a.startswith(("hydra.mode=", "hydra.run.dir="))]
        sweep = folder.parent.resolve()
        overrides.append([*arguments, f"hydra.sweep.dir='{sweep}'", f"hydra.sweep.subdir='{folder.name}'"])
    # A checkout is not installed, and the processes of a launcher start in the current folder.
    paths = [str(IMPORT_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    try:
        returned: Sequence[Any] = launcher(overrides, initial_job_idx=0)
        reasons = [reason(one) for one in returned]
    except Exception as error:  # a launcher that fails ends all jobs, but some may be done
        reasons = [to_one_line(error)] * len(jobs)
    for folder, why in zip(folders, reasons, strict=True):
        if read_outcome(folder).status == "waiting":
            unsaid = "ended without a result; does the other machine share this folder?"
            write(folder, "failed", why or unsaid, killed=True)  # its checkpoint can be resumed


def reason(returned: Any) -> str:
    """Why a job failed, from Hydra's ``JobReturn``; empty where it did not."""
    value = getattr(returned, "_return_value", None)
    return to_one_line(value) if isinstance(value, BaseException) else ""


def to_one_line(error: BaseException) -> str:
    """What an error says; of one that passes on a whole traceback, the last line of that."""
    text = str(error)
    passed_on = re.findall(r"^[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit)\b.*", text, re.MULTILINE)
    first = passed_on[-1] if "Traceback" in text and passed_on else (text.splitlines() or [""])[0]
    return first.removeprefix("tsforecast.errors.UserError: ") or type(error).__name__
