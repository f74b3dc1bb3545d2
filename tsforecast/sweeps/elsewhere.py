"""Jobs that a Hydra launcher (Ray, Slurm) runs on other machines, in folders that all machines see."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

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
    try:
        returned: Sequence[Any] = launcher(overrides, initial_job_idx=0)
        reasons = [reason(one) for one in returned]
    except Exception as error:  # a launcher that breaks takes all jobs with it, but some may be done
        reasons = [f"{type(error).__name__}: {error}".splitlines()[0]] * len(jobs)
    for folder, why in zip(folders, reasons, strict=True):
        if read_outcome(folder).status == "waiting":
            unsaid = "ended without a result; does the other machine share this folder?"
            write(folder, "failed", why or unsaid, killed=True)  # whatever it saved is good to go on from


def reason(returned: Any) -> str:
    """Why a job failed, from Hydra's ``JobReturn``; empty where it did not."""
    value = getattr(returned, "_return_value", None)
    return str(value).splitlines()[0] if isinstance(value, BaseException) and str(value) else ""
