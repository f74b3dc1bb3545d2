"""The tracker of ``tracker=none``."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tsforecast.tracking.artifacts import Artifact
from tsforecast.tracking.run_folder import RunFolder


class NullTracker:
    """Discard everything; the run's own folder still has all figures.

    Example:
        >>> NullTracker().log({"val/rmse": 0.5}, step=100)
    """

    def log(self, row: Mapping[str, object], step: int) -> None:
        """Do nothing."""

    def summary(self, values: Mapping[str, object]) -> None:
        """Do nothing."""

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Do nothing."""

    def forecast_plot(
        self,
        name: str,
        x: Sequence[float],
        lines: Mapping[str, Sequence[float]],
        x_name: str,
        title: str = "",
    ) -> None:
        """Do nothing."""

    def page(self, name: str, path: str | Path) -> None:
        """Do nothing."""

    def artifact(self, artifact: Artifact) -> None:
        """Do nothing."""

    def use_data(self, name: str, digest: str, facts: Mapping[str, object]) -> None:
        """Do nothing."""

    def alert(self, title: str, text: str) -> None:
        """Do nothing."""


@contextmanager
def start(
    config: Mapping[str, object], folder: RunFolder, name: str, group: str | None = None
) -> Iterator[NullTracker]:
    """Yield a `NullTracker`.

    Args:
        config: The composed config.
        folder: Folder of the run.
        name: Display name of the run.
        group: Name of the runs to show together, for example of a sweep.
    """
    yield NullTracker()
