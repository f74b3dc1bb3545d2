"""A saved model in memory, compiled once, and what is computed with it from the rows of a table."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from tsforecast.config.stored import load as load_config
from tsforecast.ensemble.streaming import StreamingEnsemble, forecast_stream
from tsforecast.errors import UserError
from tsforecast.evaluation.importance import explain, explain_windows
from tsforecast.evaluation.scores import score_model
from tsforecast.evaluation.stream_windows import StreamTruths, sample_windows, score_stream
from tsforecast.inference.file_forecast import windows_per_call
from tsforecast.inference.intervals import create_intervals
from tsforecast.inference.missing import MissingStretches
from tsforecast.inference.panel_forecast import PanelForecaster
from tsforecast.inference.panel_stream import PanelStream
from tsforecast.inference.predictor import Predictor, is_adaptive
from tsforecast.inference.probabilistic_output import check_output, create_output
from tsforecast.inference.sliding import Segment, read_rows, segments
from tsforecast.jobs import build
from tsforecast.jobs.stored_data import build_saved_data
from tsforecast.models.io import load_model, load_task
from tsforecast.registry.promote import calibrate_intervals

if TYPE_CHECKING:
    import pyarrow as pa

    from tsforecast.config import Config
    from tsforecast.data.dataset import ForecastDataset
    from tsforecast.inference.forecasts import Forecasts
    from tsforecast.inference.metadata import ModelMetadata
    from tsforecast.inference.options import IntervalOptions
    from tsforecast.models.protocol import Model
    from tsforecast.registry.model_source import ModelSource
    from tsforecast.tables.table import Source


class _Paths:
    """Takes the tables of sample paths."""

    def __init__(self, tables: list[pa.Table]):
        self.write = tables.append


class LoadedModel:
    """A saved model in memory.

    Args:
        source: The saved model.
        metadata: Its window, targets and features.
        config: Config of a prediction, by which the process is set up.
    """

    def __init__(self, source: ModelSource, metadata: ModelMetadata, config: Config):
        self.source, self.metadata = source, metadata
        self._config = config
        self._calibrations: dict[IntervalOptions, bytes] = {}

    @cached_property
    def model(self) -> Model:
        """The model."""
        build.set_up_runtime(self._config)
        return load_model(self.source.model)

    @cached_property
    def predictor(self) -> Predictor:
        """The model, compiled for the batches of a prediction."""
        return Predictor(self.model, sizes=(windows_per_call(self._config.predict.batch_size),))

    def forecast(
        self,
        rows: Source,
        config: Config,
        calibration: bytes | None,
        *,
        newest: bool,
        paths: list[pa.Table] | None = None,
    ) -> Iterator[pa.Table]:
        """Yield the forecasts of the rows.

        Args:
            rows: Rows in the order of time.
            config: Config of the prediction.
            calibration: Scores that the intervals start with, or None.
            newest: Whether to forecast from the last row only.
            paths: Receives tables of sample paths.
        """
        options, task = config.predict, load_task(self.source.model)
        check_output(options, task, self.source.dependence, self.source.name)
        writer: Any = None if paths is None else _Paths(paths)
        output = create_output(options, task, self.metadata, self.source.dependence, writer, config.seed)
        model, predictor = self.model, self.predictor
        if output is not None and task.distribution is not None:
            model = output.adapt(model)
            predictor = Predictor(model, sizes=predictor.sizes)
        shape = self.metadata.horizon, len(self.metadata.targets)
        if self.metadata.panel is not None:
            panel = PanelStream(rows, self.metadata, options.time, options.stride)
            tables = PanelForecaster(panel, predictor, config.intervals, output).tables(options.batch_size)
            yield from newest_by_series(tables, panel.columns, shape[0] * shape[1]) if newest else tables
            return
        intervals = create_intervals(*shape, config.intervals, calibration)
        stream = self.segments(rows, config)
        if newest and not is_adaptive(model):
            stream = keep_newest(stream)
        tables = forecast_stream(stream, model, predictor, intervals, options.batch_size, output)
        yield from _newest_table(tables, shape[0] * shape[1]) if newest else tables

    def score(self, rows: Source) -> dict[str, float]:
        """Score the forecasts of all windows of the rows."""
        return score_stream(self.segments(rows, self._config), self.metadata, self._forecaster())

    def score_test(self) -> dict[str, float]:
        """Score the model on the test split of its run."""
        config, dataset = self._data("test")
        scores = score_model(self.model, dataset, config.spike if config.report.spikes else None).to_fields()
        figures = {name.removeprefix("test/"): value for name, value in scores["metrics"].items()}
        skill = {f"skill/{name}": value for name, value in scores["skill"].items()}
        return {**figures, **skill, "windows": float(len(dataset.windows("test")))}

    def explain(self, rows: Source | None, config: Config) -> dict[str, Any]:
        """Measure the importance of features and steps on windows of the rows, or of the test split."""
        windows, repeats = config.report.explain_windows, config.report.explain_repeats
        if rows is None:
            _, dataset = self._data("test")
            return explain(self.model, dataset, windows=windows, repeats=repeats, seed=config.seed)
        past, truth = sample_windows(self.segments(rows, self._config), self.metadata, windows)
        return explain_windows(
            self.model,
            past,
            truth,
            channels=[channel.name for channel in self.metadata.channels],
            scaler=self.metadata.scaler,
            like=self.metadata,
            repeats=repeats,
            seed=config.seed,
        )

    def calibrate(self, options: IntervalOptions) -> bytes:
        """Return the scores of the validation windows, with which intervals start, as a promotion stores them."""
        if options not in self._calibrations:
            _, dataset = self._data("val")
            self._calibrations[options] = calibrate_intervals(self.model, dataset, options)
        return self._calibrations[options]

    def read_targets(self, rows: Source, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the times ``[n]`` and targets ``[n, T]`` of the last rows."""
        times: list[np.ndarray] = []
        truths = StreamTruths(self.metadata)
        for segment in self.segments(rows, self._config):
            newest = truths.newest
            truths.add(segment)
            times.append(segment.time[segment.position > newest])
        return np.concatenate(times)[-count:], truths.values()[-count:]

    def segments(self, rows: Source, config: Config) -> Iterator[Segment]:
        """Yield the windows of rows, read as the training data were.

        Raises:
            UserError: The model is one of many series, which only ``forecast`` takes apart.
        """
        metadata = self.metadata
        if metadata.panel is not None:
            raise UserError(
                f"{self.source.name} is a model of many series: predict(data) forecasts each of them, and score() and"
                " explain() without data are those of its test split."
            )
        missing = MissingStretches(metadata.lookback, metadata.categories, metadata.history)
        batches = read_rows(rows, metadata, config.predict.time)
        yield from segments(batches, metadata, config.predict.stride, missing)

    def _forecaster(self) -> Callable[[Segment], Forecasts | None]:
        """Return a function of a segment that forecasts its windows, if there are any."""
        model, predictor = self.model, self.predictor
        ensemble = StreamingEnsemble(model, predictor) if is_adaptive(model) else None

        def forecast(segment: Segment) -> Forecasts | None:
            if ensemble is not None:
                ensemble.observe(segment)
            if not len(segment.ends):
                return None
            return (
                predictor(segment.windows(segment.ends)) if ensemble is None else ensemble.forecasts(segment)
            )

        return forecast

    def _data(self, scored: str) -> tuple[Config, ForecastDataset]:
        config = load_config(self.source.config, self._config)
        return config, build_saved_data(config, self.source.model, scored=scored)


def keep_newest(stream: Iterable[Segment]) -> Iterator[Segment]:
    """Yield the last segment in which a window ends, with its last window only."""
    last = None
    for segment in stream:
        if len(segment.ends):
            last = segment
    if last is not None:
        yield last._replace(ends=last.ends[-1:])


def newest_by_series(tables: Iterable[pa.Table], columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
    """Yield the last forecast of each series.

    Args:
        tables: Forecasts, each table of one series, in the order of its times.
        columns: The columns that name a series.
        rows: Rows of one forecast.
    """
    newest: dict[tuple[object, ...], pa.Table] = {}
    for table in tables:
        newest[tuple(table[name][0].as_py() for name in columns)] = table.slice(table.num_rows - rows)
    yield from newest.values()


def _newest_table(tables: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """Yield the rows of the last forecast."""
    for table in collections.deque(tables, maxlen=1):
        yield table.slice(table.num_rows - rows)
