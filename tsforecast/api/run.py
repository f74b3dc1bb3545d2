"""A finished run as an object."""

from __future__ import annotations

import json
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsforecast.api.html import render_table
from tsforecast.errors import UserError
from tsforecast.evaluation.result import RunResult
from tsforecast.metrics import format_value, metric_label
from tsforecast.tracking.run_folder import RunFolder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tsforecast.api.forecaster import Forecaster


class Run:
    """The folder of a run and what is in it; reading it needs no TensorFlow.

    Args:
        path: Folder of the run.

    Raises:
        UserError: It is not the folder of a run.

    Attributes:
        path: Folder of the run.

    Example:
        ::

            run = tsforecast.Run("outputs/2026-01-01_12-00-00_gru")
            run.metrics["test/rmse"], run.skill["persistence"]
    """

    def __init__(self, path: str | PathLike[str]):
        self._folder = RunFolder.existing(Path(path))
        self.path = self._folder.path

    def __fspath__(self) -> str:
        return str(self.path)

    @cached_property
    def result(self) -> RunResult:
        """The content of ``result.json``."""
        return RunResult.read(self._folder.result)

    @property
    def metrics(self) -> dict[str, float]:
        """Metrics of the test split, such as ``test/rmse``, in the target's unit."""
        return dict(self.result.metrics or {})

    @property
    def skill(self) -> dict[str, float]:
        """Naive baseline to the share of its RMSE that the model removes."""
        return dict(self.result.skill or {})

    @property
    def history(self) -> list[dict[str, Any]]:
        """One row per epoch: losses, validation metrics, learning rate; a data frame by ``pandas.DataFrame(...)``."""
        return self._folder.read_metrics()

    @property
    def report(self) -> Path:
        """The report, a self-contained HTML page."""
        return self._folder.report

    @property
    def config(self) -> str:
        """The complete config of the run as YAML."""
        return self._folder.config.read_text(encoding="utf-8")

    @cached_property
    def forecaster(self) -> Forecaster:
        """The best model of the run."""
        from tsforecast.api.forecaster import load

        return load(self.path)

    def read_json(self, name: str) -> Any:
        """Return the content of a JSON file of the run, such as ``backtest.json``.

        Args:
            name: Name of the file.

        Raises:
            UserError: The run has no such file.
        """
        path = self.path / name
        if not path.is_file():
            names = ", ".join(sorted(item.name for item in self.path.glob("*.json")))
            raise UserError(f"{self.path} has no {name}; it has {names}.")
        return json.loads(path.read_text(encoding="utf-8"))

    def promote(self, registry: str | PathLike[str] = "outputs/registry") -> Forecaster:
        """Register the run and make it the champion, as ``job=promote`` does; return the champion.

        Args:
            registry: Folder of the registry.
        """
        from tsforecast.api.forecaster import load
        from tsforecast.api.session import promote

        promote(self.path, registry)
        return load("champion", registry=registry)

    def plot(self) -> Figure:
        """Return a figure of the learning curves."""
        from tsforecast.plots import plot_learning_curves

        return plot_learning_curves(self.history)

    def __repr__(self) -> str:
        rmse = self.metrics.get("test/rmse")
        return f"Run('{self.path}'{'' if rmse is None else f', test/rmse={rmse:.4g}'})"

    def _repr_html_(self) -> str:
        result = self.result
        baselines, unit = result.baselines or {}, result.unit or ""
        keys = [key for key in ("test/rmse", "test/mae") if key in self.metrics]
        forecasters = {result.model or "model": self.metrics, **baselines}
        rows = [
            [name, *(format_value(figures[key]) for key in keys), _format_skill(self.skill.get(name))]
            for name, figures in forecasters.items()
        ]
        links = {"report": str(self.report)} if self.report.is_file() else {}
        heads = ["", *(metric_label(key, unit) for key in keys), "skill over it"]
        return render_table(heads, rows, f"{result.status}, {self.path}", links)


def _format_skill(skill: float | None) -> str:
    return "" if skill is None else f"{skill:+.1%}"
