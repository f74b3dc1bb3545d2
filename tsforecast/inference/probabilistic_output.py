"""What ``job=predict`` writes of forecast distributions: quantiles at chosen levels, and sample paths."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tsforecast.errors import UserError
from tsforecast.inference.dependence import GRID, Dependence
from tsforecast.inference.forecast_table import TableWriter
from tsforecast.inference.forecasts import Forecasts
from tsforecast.inference.sample_paths import PathSampler

if TYPE_CHECKING:
    from tsforecast.inference.metadata import ModelMetadata
    from tsforecast.inference.options import PredictOptions
    from tsforecast.models.task import Task
    from tsforecast.registry.model_source import ModelSource


@dataclasses.dataclass(frozen=True)
class ProbabilisticOutput:
    """Quantiles to write, and the paths next to them.

    Args:
        computed: Levels of the quantiles that the model computes, rising.
        levels: Levels to write.
        band: The lowest and the highest level of the model's own band, to which its intervals were calibrated.
        sampler: Draws the paths, or None.
        writer: Takes their tables, or None.
        label: Adds the names of the series to a table of paths; None for a model of one series.
    """

    computed: list[float]
    levels: list[float]
    band: tuple[float, float]
    sampler: PathSampler | None = None
    writer: TableWriter | None = None
    label: Callable[[pa.Table], pa.Table] | None = None

    @property
    def files(self) -> list[Path]:
        """The files written in addition to the forecasts."""
        return [] if self.writer is None else [self.writer.path]

    def adapt(self, model: Any) -> Any:
        """Return the model with the levels computed; the model itself if it has these quantiles only."""
        from tsforecast.models.levels import at_levels

        return model if model.task.distribution is None else at_levels(model, self.computed)

    def select_series(self, name: str, label: Callable[[pa.Table], pa.Table]) -> ProbabilisticOutput:
        """Return the output of one of many series.

        Args:
            name: Its name, on which its paths depend.
            label: Adds the columns that name it to a table.
        """
        sampler = None if self.sampler is None else self.sampler.select_series(name)
        return dataclasses.replace(self, sampler=sampler, label=label)

    def keep(self, made_at: np.ndarray, forecasts: Forecasts) -> Forecasts:
        """Write the paths of a batch, and return its forecasts with the levels to write.

        Args:
            made_at: Time datetime64[s] ``[n]`` of the last row of each window.
            forecasts: Forecasts of the n windows at the levels computed.
        """
        if self.sampler is not None and self.writer is not None:
            table = self.sampler.table(made_at, forecasts)
            self.writer.write(table if self.label is None else self.label(table))
        index = {level: position for position, level in enumerate(self.computed)}
        return forecasts.at_levels(
            [index[level] for level in self.levels], [index[level] for level in self.band]
        )


def check_output(options: PredictOptions, task: Task, dependence: bytes | None, name: str) -> None:
    """Check that a model forecasts what ``predict.levels`` and ``predict.samples`` need; Keras is not imported.

    Args:
        options: Options of the job.
        task: Task of the model.
        dependence: Content of its file ``dependence.npz``, or None.
        name: Name of the model, for messages.

    Raises:
        UserError: It does not.
    """
    advice = "train it with a loss such as normal, student_t or implicit_quantile"
    if options.levels and task.distribution is None:
        raise UserError(f"predict.levels: {name} forecasts no whole distribution: {advice}.")
    if options.samples and len(task.quantile_levels or ()) < 2:
        raise UserError(f"predict.samples: {name} forecasts no quantiles: {advice}, or with loss=quantile.")
    if options.samples and dependence is None:
        raise UserError(
            f"predict.samples: {name} has no dependence.npz, as it is of an earlier version: train it again."
        )


def create_output(
    options: PredictOptions,
    task: Task,
    metadata: ModelMetadata,
    dependence: bytes | None,
    writer: TableWriter | None,
    seed: int,
) -> ProbabilisticOutput | None:
    """Return what to write beyond the model's own quantiles; None if that is all.

    Args:
        options: Options of the job.
        task: Task of the model.
        metadata: Metadata of the model.
        dependence: Content of its file ``dependence.npz``, or None.
        writer: Takes the paths, or None.
        seed: Random seed of the paths.
    """
    trained = [float(level) for level in task.quantile_levels or ()]
    if not trained or not (options.levels or options.samples):
        return None
    levels = sorted({*trained, *(options.levels or ())})
    computed = sorted({*levels, *(GRID if options.samples and task.distribution is not None else ())})
    sampler = None
    if options.samples and dependence is not None:
        learned = Dependence.from_bytes(dependence)
        sampler = PathSampler(learned, metadata, computed, samples=options.samples, seed=seed)
    return ProbabilisticOutput(computed, levels, (trained[0], trained[-1]), sampler, writer)


def open_output(
    options: PredictOptions,
    task: Task,
    metadata: ModelMetadata,
    source: ModelSource,
    folder: Path,
    seed: int,
) -> ProbabilisticOutput | None:
    """Check the options and return what to write beyond the model's own quantiles; None if that is all.

    Args:
        options: Options of the job.
        task: Task of the model.
        metadata: Metadata of the model.
        source: Where the model comes from.
        folder: Folder of the command.
        seed: Random seed of the paths.

    Raises:
        UserError: The model lacks what the options need, or the file of the paths cannot be written.
    """
    check_output(options, task, source.dependence, source.name)
    writer = sample_writer(options, folder)
    return create_output(options, task, metadata, source.dependence, writer, seed)


def sample_writer(options: PredictOptions, folder: Path) -> TableWriter | None:
    """Return the writer of the paths, to ``predict.samples_out`` or ``samples.parquet`` in a folder; None for none.

    Raises:
        UserError: ``predict.samples_out`` cannot be written.
    """
    if not options.samples:
        return None
    return TableWriter(options.samples_out or folder / "samples.parquet", "predict.samples_out")
