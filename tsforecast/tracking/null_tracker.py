"""The tracker that tracks nothing: the twin of ``wandb_tracker``, and what every tracker offers."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tsforecast.tracking.run_folder import RunFolder


class NullTracker:
    """Takes everything and keeps nothing."""

    def log(self, row: Mapping[str, Any], step: int) -> None:
        """Takes the metrics of one training step or epoch."""

    def summary(self, values: Mapping[str, Any]) -> None:
        """Takes the run's final figures."""

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Takes a table."""

    def forecast_plot(
        self,
        name: str,
        x: Sequence[float],
        lines: Mapping[str, Sequence[float]],
        x_name: str,
        title: str = "",
    ) -> None:
        """Takes a line plot: one x axis, one line a key (for example truth and forecast)."""

    def page(self, name: str, path: str | Path) -> None:
        """Takes an HTML page."""

    def artifact(
        self, path: str | Path, name: str, kind: str = "model", metadata: Mapping[str, Any] | None = None
    ) -> None:
        """Takes a file."""


@contextmanager
def start(
    config: Mapping[str, Any], folder: RunFolder, name: str, group: str | None = None
) -> Iterator[NullTracker]:
    """A tracker for ``tracker=none``; the arguments are those of ``wandb_tracker.start``."""
    yield NullTracker()
