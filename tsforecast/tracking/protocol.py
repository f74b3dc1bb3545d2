"""What every tracker offers to a job."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from tsforecast.tracking.artifacts import Artifact


@runtime_checkable
class Tracker(Protocol):
    """Receives what a run reports, such as its learning curves, tables and files.

    A tracker is one file in ``tsforecast/tracking/`` with a function ``start(config, folder, name, ...)``, a context
    manager that yields a ``Tracker``, and one YAML file in ``conf/tracker/`` that names it. It may fail and it may take
    its time: `background.TrackerGroup` calls it from a thread of its own, prints its first failure, and never lets the
    run wait for it. An exception that leaves ``with start(...)`` is that of the run.

    Example:
        >>> from tsforecast.tracking.null_tracker import NullTracker
        >>> isinstance(NullTracker(), Tracker)
        True
    """

    def log(self, row: Mapping[str, object], step: int) -> None:
        """Record the metrics of one epoch.

        Args:
            row: Metric key to value; None and NaN are allowed.
            step: Optimizer steps done so far; never less than at the call before.
        """

    def summary(self, values: Mapping[str, object]) -> None:
        """Record the run's final figures; nested mappings become nested keys."""

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Record a table, for example the parameters by layer."""

    def forecast_plot(
        self,
        name: str,
        x: Sequence[float],
        lines: Mapping[str, Sequence[float]],
        x_name: str,
        title: str = "",
    ) -> None:
        """Record a line plot.

        Args:
            name: Key under which the plot is kept.
            x: Positions on the shared axis.
            lines: Label to values, for example of the truth and the forecast; NaN leaves a gap.
            x_name: Label of the axis.
            title: Title of the plot; ``name`` by default.
        """

    def page(self, name: str, path: str | Path) -> None:
        """Record a self-contained HTML page."""

    def artifact(self, artifact: Artifact) -> None:
        """Record files, for example a trained model, as a new version of their name."""

    def use_data(self, name: str, digest: str, facts: Mapping[str, object]) -> None:
        """Record the data that the run used.

        Args:
            name: Name of the data.
            digest: Hash of their content: equal data have an equal one.
            facts: Rows, first and last time and the like.
        """

    def alert(self, title: str, text: str) -> None:
        """Tell people that something needs their attention."""
