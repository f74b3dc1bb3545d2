"""What every tracker offers to a job."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable


@runtime_checkable
class Tracker(Protocol):
    """Receives what a run reports, such as its learning curves, tables and files.

    A tracker is one file in ``tsforecast/tracking/`` with a function ``start(config, folder, name, ...)``, a context
    manager that yields a ``Tracker``, and one YAML file in ``conf/tracker/`` that names it. A tracker never stops a
    training: it reports its own failures and continues.

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

    def artifact(
        self,
        path: str | Path,
        name: str,
        kind: str = "model",
        metadata: Mapping[str, object] | None = None,
    ) -> None:
        """Record a file, for example a trained model.

        Args:
            path: File to record.
            name: Letters, digits, ``-``, ``_`` and ``.``.
            kind: What the file is.
            metadata: Figures to store with it.
        """
