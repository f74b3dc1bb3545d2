"""The Weights & Biases tracker, online or offline."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tsforecast.files import to_plain
from tsforecast.metrics import METRICS
from tsforecast.tracking import wandb_artifacts
from tsforecast.tracking.artifacts import Artifact
from tsforecast.tracking.current import COMMANDS
from tsforecast.tracking.null_tracker import NullTracker
from tsforecast.tracking.protocol import Tracker
from tsforecast.tracking.run_folder import RunFolder
from tsforecast.tracking.wandb_account import may_have_key
from tsforecast.tracking.wandb_run import keep_data_in, open_run, resolve_mode

if TYPE_CHECKING:
    import wandb

AXES = ("step", "epoch", "windows", "seconds")  # in every row of a training; any of them can be an x-axis


class WandbTracker:
    """Send what a run reports to one W&B run.

    Args:
        run: Open W&B run.
        registry: W&B registry for champions, such as ``wandb-registry-model``; None links nothing.

    Example:
        >>> from types import SimpleNamespace
        >>> tracker = WandbTracker(SimpleNamespace(log=lambda row, step, commit: print(step, row)))
        >>> tracker.log({"val/rmse": 0.5, "loss": None}, step=100)
        100 {'val/rmse': 0.5}
    """

    def __init__(self, run: "wandb.Run", registry: str | None = None):
        self._run, self._registry = run, registry

    def define_metrics(self) -> None:
        """Say what the metrics of a training are drawn over, and which of their values sums them up."""
        for axis in AXES:
            self._run.define_metric(axis, hidden=True)
        self._run.define_metric("val/*", step_metric="step", summary="min")
        for metric in METRICS.values():
            if metric.better == "higher" and "val" in metric.splits:
                self._run.define_metric(f"val/{metric.name}", step_metric="step", summary="max")
        self._run.define_metric("loss", step_metric="step", summary="min")
        for name in ("learning_rate", "steps_per_second", "windows_per_second", "input_wait"):
            self._run.define_metric(name, step_metric="step")

    def log(self, row: Mapping[str, object], step: int) -> None:
        """Log numbers under ``step``; values of None are left out."""
        known = {key: value for key, value in row.items() if value is not None}
        # Without commit, W&B keeps the row back until the next step: a kill in between would lose it, and the last one
        # would be written after the summary and replace the figures in it.
        self._run.log(known, step=step, commit=True)

    def summary(self, values: Mapping[str, object]) -> None:
        """Set the final figures; nested mappings become nested keys."""
        self._run.summary.update(to_plain(values))

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Log a table, for example the parameters by layer."""
        import wandb

        self._run.log({name: wandb.Table(columns=list(columns), data=[to_plain(row) for row in rows])})

    def forecast_plot(
        self,
        name: str,
        x: Sequence[float],
        lines: Mapping[str, Sequence[float]],
        x_name: str,
        title: str = "",
    ) -> None:
        """Log a line plot over ``x``; NaN leaves a gap."""
        import wandb

        values = [to_plain(line) for line in lines.values()]
        self._run.log({name: wandb.plot.line_series(to_plain(x), values, list(lines), title or name, x_name)})

    def page(self, name: str, path: str | Path) -> None:
        """Log a self-contained HTML page."""
        import wandb

        self._run.log({name: wandb.Html(Path(path).read_text(encoding="utf-8"), inject=False)})

    def artifact(self, artifact: Artifact) -> None:
        """Log files as a version of their collection; a champion is linked to the registry."""
        wandb_artifacts.log(self._run, artifact, self._registry)

    def use_data(self, name: str, digest: str, facts: Mapping[str, object]) -> None:
        """Record the data as an input of the run: a reference by their content, so equal data are one version."""
        wandb_artifacts.use_data(self._run, name, digest, facts)

    def alert(self, title: str, text: str) -> None:
        """Send an alert to those who subscribed to the alerts of the project."""
        self._run.alert(title, text, level="WARN")

    def finish(self, exit_code: int) -> None:
        """Close the W&B run: as finished for 0, else as failed."""
        self._run.finish(exit_code=exit_code)


@contextmanager
def start(
    config: Mapping[str, Any],
    folder: RunFolder,
    name: str,
    group: str | None = None,
    project: str = "tsforecast",
    entity: str | None = None,
    tags: Sequence[str] = (),
    mode: Literal["auto", "online", "offline", "disabled"] = "auto",
    registry: str | None = None,
) -> Iterator[Tracker]:
    """Open a W&B run around a job, and print one line that says where it is and how to look at it.

    Leaving the block normally marks the run as finished; any exception, Ctrl-C included, marks it as failed.
    W&B's files are in the run's folder. A folder that was tracked before continues under the same W&B id.

    Args:
        config: Composed config as plain dicts and lists; its job is the run's ``job_type``.
        folder: Folder of the run.
        name: Display name of the run.
        group: Name of the runs to show together, for example of a sweep.
        project: W&B project.
        entity: W&B user or team; None is the account's default.
        tags: Words to find the run by.
        mode: ``auto`` is ``WANDB_MODE`` if set, else online with a key and offline without one; or ``online``,
            ``offline``, ``disabled``. Without a key, jobs that work with models in service are tracked only if it, or
            ``WANDB_MODE``, is ``offline``.
        registry: W&B registry to which champions are linked; None for none.

    Yields:
        A tracker; one that does nothing if W&B is disabled or cannot start.

    Raises:
        UserError: ``mode`` is not one of these, or is ``online`` and there is no key.
    """
    resolved = resolve_mode(mode)
    job = config.get("job")
    job_type = job.get("name") if isinstance(job, Mapping) else None
    if job_type in COMMANDS and resolved == "auto" and not may_have_key():
        yield NullTracker()  # of daily operation, nobody looks at offline runs, unless they are asked for
        return
    if resolved == "disabled":
        print("W&B is disabled: nothing is tracked outside the run's folder.", flush=True)
        yield NullTracker()
        return
    with keep_data_in(folder.path):
        labels = {"name": name, "group": group, "project": project, "entity": entity, "job_type": job_type}
        run = open_run(resolved, folder, config=to_plain(config), tags=list(tags), **labels)
        if run is None:
            yield NullTracker()
            return
        tracker = WandbTracker(run, registry)
        try:
            tracker.define_metrics()
            yield tracker
        except BaseException as error:
            tracker.finish(0 if isinstance(error, SystemExit) and not error.code else 1)
            raise
        tracker.finish(0)
