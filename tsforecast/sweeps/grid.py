"""A sweep over given jobs, from the first check to the last table."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tsforecast.errors import UserError
from tsforecast.files import display_path
from tsforecast.installation import COMMAND
from tsforecast.sweeps import summary
from tsforecast.sweeps.outcome import read_outcome
from tsforecast.sweeps.processes import Worker
from tsforecast.sweeps.progress import SweepProgress
from tsforecast.sweeps.runner import Runner, Stop
from tsforecast.sweeps.study import Job, Study

# Runs jobs somewhere else, each in its folder, and returns when all have ended.
Launch = Callable[[Sequence[Job], Sequence[Path]], None]


def run(
    folder: Path,
    command: Sequence[str],
    axes: Mapping[str, Sequence[str]],
    jobs: Sequence[Job],
    run_file: Path,
    process: str,
    launch: Launch | None = None,
) -> int:
    """Runs what is missing of a study and says what became of all its jobs.

    Args:
        folder: of the sweep.
        command: the arguments after ``run.py`` that started it.
        axes: swept key -> its values as written.
        jobs: all of them, composed and checked.
        run_file: path of ``run.py``.
        process: ``job``, ``shared`` or ``auto``, see ``shares_process``.
        launch: runs them elsewhere; None runs them here, one after the other.

    Returns:
        The exit code: 0 when all are done, 1 when any failed, 130 when the user stopped it before the end.

    Raises:
        UserError: The folder holds another study, or another process is working on it.
    """
    study = Study(folder)
    folders = {job.number: folder / job.folder_name for job in jobs}
    with study.lock() as lock:
        begun = study.begin(command, {"axes": axes, "jobs": {job.label: job.config for job in jobs}})
        left = [job for job in jobs if read_outcome(folders[job.number]).status != "done"]
        print(opening(study, jobs, left, begun), flush=True)

        def rows() -> list[summary.Row]:
            return [summary.Row(job, folders[job.number], read_outcome(folders[job.number])) for job in jobs]

        if launch is not None:
            launch(left, [folders[job.number] for job in left])
        else:
            shared = shares_process(process, jobs)
            with (
                SweepProgress(len(jobs), len(jobs) - len(left)) as progress,
                Worker(run_file, lock, shared) as worker,
                Stop().on_signals(progress.say) as stop,
            ):
                runner = Runner(worker, progress, stop)
                for job in left:
                    if stop.soon:
                        break
                    runner.run(job, folders[job.number])
                    summary.write(folder, "running", rows())
        return finish(study, rows())


def opening(study: Study, jobs: Sequence[Job], left: Sequence[Job], begun: bool) -> str:
    """Return the first line that a sweep prints."""
    if begun:
        return f"{study.folder}: {len(jobs) - len(left)} of {len(jobs)} jobs are done, {len(left)} to go."
    how = f"To resume after an interruption: {COMMAND} sweep.resume={study.folder}"
    return f"{study.folder}: {len(jobs)} jobs. {how}"


def finish(study: Study, rows: Sequence[summary.Row], missing: int = 0) -> int:
    """Writes and prints the summary; returns the exit code. ``missing`` counts jobs that have no row yet."""
    statuses = {row.outcome.status for row in rows}
    unfinished = bool(statuses & {"waiting", "interrupted"}) or missing > 0
    failed = "failed" in statuses
    summary.write(study.folder, "failed" if failed else "interrupted" if unfinished else "done", rows)
    summary.show(rows)
    if failed or unfinished:
        print(f"Run what is missing with: {COMMAND} sweep.resume={study.folder}")
    print(display_path(study.folder), flush=True)
    return 1 if failed else 130 if unfinished else 0


def shares_process(process: str, jobs: Sequence[Job]) -> bool:
    """Whether jobs may share a process.

    ``auto`` shares on a CPU, which saves the seconds of TensorFlow's import, and not on a GPU, whose memory is given
    back only by a process that ends; nor where jobs differ in what a process can set only once.

    Raises:
        UserError: ``shared`` is asked for jobs that differ in that.
    """
    once = {(str(job.config.get("backend")), str(job.config.get("device"))) for job in jobs}
    if process == "shared" and len(once) > 1:
        raise UserError(
            "sweep.process=shared needs one backend and one device for all jobs: use sweep.process=job."
        )
    if process != "auto":
        return process == "shared"
    kinds = {str(job.config.get("device", {}).get("kind")) for job in jobs}
    return len(once) == 1 and (kinds == {"cpu"} or not sees_gpu())


def sees_gpu() -> bool:
    """Whether this machine shows a GPU, without asking a framework."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    return not hidden and any(map(os.path.exists, ("/dev/nvidia0", "/dev/dxg", "/dev/kfd")))
