"""Overrides that a job would not read: refused by name, since they would change nothing."""

import dataclasses
from collections.abc import Sequence

from tsforecast.config.schema import Config, job_fields, jobs_with
from tsforecast.errors import UserError

PROCESS = ("device", "precision", "seed", "backend")
# Jobs that take their model, or all they show, from elsewhere -> keys of every config that they read nevertheless.
READ = {
    "serve": PROCESS,
    "predict": PROCESS,
    "retrain": ("device",),
    "replay": ("device",),
    "export": ("device",),
    "promote": (),
    "rollback": (),
    "compare": (),
    "watch": (),
    "doctor": (),
}
# Keys that do no harm in a command: they say where it writes, or what it reports.
HARMLESS = ("job", "experiment", "tracker", "report", "resume")
INSTEAD = {
    ("retrain", "data"): "; the file with the new rows is retrain.data=FILE",
    ("predict", "data"): "; the file to forecast from is predict.data=FILE",
    ("retrain", "optimizer"): "; its learning rate is retrain.learning_rate",
    ("retrain", "training"): "; its limits are retrain.max_steps and retrain.max_hours",
}


def check_unread(config: Config, overrides: Sequence[str]) -> None:
    """Refuse overrides of keys that the job does not read.

    Args:
        config: The config of this command.
        overrides: What the command line sets.

    Raises:
        UserError: A key that the job does not read is set.
    """
    job = config.job.name
    if job not in READ or (config.run is not None and job in ("promote", "export")):
        return  # with a run's folder, the config in it counts
    common = {field.name for field in dataclasses.fields(Config)} - set(READ[job]) - set(HARMLESS)
    common = {name for name in common if not jobs_with(name)}
    for override in overrides:
        key = override.lstrip("+~").partition("=")[0]
        group = key.split(".")[0].split("@")[0]
        if group in common:
            reads = [name for name in job_fields(job) if name in READ[job] or job in jobs_with(name)]
            raise UserError(
                f"job={job} does not read {group}: leave out {override}{INSTEAD.get((job, group), '')}."
                f" It reads {', '.join(reads) or 'no option'}."
            )
