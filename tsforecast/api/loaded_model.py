"""A saved model in memory, compiled once, and what is computed with it from the rows of a table."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from tsforecast.config.stored import load as load_config
from tsforecast.ensemble.streaming import StreamingEnsemble, forecast_stream
from tsforecast.errors import UserError, nearest
from tsforecast.evaluation.importance import explain, explain_windows
from tsforecast.evaluation.interval_start import calibrate_intervals
from tsforecast.evaluation.scores import score_model
from tsforecast.evaluation.stream_windows import StreamTruths, sample_windows, score_panel, score_stream
from tsforecast.inference.file_forecast import windows_per_call
from tsforecast.inference.intervals import create_intervals
from tsforecast.inference.missing import MissingStretches
from tsforecast.inference.panel_forecast import PanelForecaster, forecast_together
from tsforecast.inference.panel_stream import PanelStream
from tsforecast.inference.predictor import Predictor, is_adaptive
from tsforecast.inference.probabilistic_output import check_output, create_output
from tsforecast.inference.sliding import Segment, read_rows, segments
from tsforecast.jobs import build
from tsforecast.jobs.stored_data import build_saved_data
from tsforecast.models.io import load_model, load_task
from tsforecast.plots.forecasts import SeriesHistory

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

SHOWN_SERIES = 4  # in a figure, if none are named


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
        options = self._config.predict
        return Predictor(self.model, (windows_per_call(options.batch_size),), options.stride)

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
            paths: Receives tables of sample paths, of many series those of the last row of each.
        """
        options, task = config.predict, load_task(self.source.model)
        check_output(options, task, self.source.dependence, self.source.name)
        writer: Any = None if paths is None else _Paths(paths)
        output = create_output(options, task, self.metadata, self.source.dependence, writer, config.seed)
        model, predictor = self.model, self.predictor
        if output is not None and task.distribution is not None:
            model = output.adapt(model)
            predictor = Predictor(model, predictor.sizes, predictor.stride)
        shape = self.metadata.horizon, len(self.metadata.targets)
        if self.metadata.panel is not None:
            panel = PanelStream(rows, predictor.metadata, options.time, options.stride)
            forecaster = PanelForecaster(
                panel, predictor, config.intervals, output, calibration, newest=paths is not None
            )
            tables = forecaster.tables(options.batch_size)
            yield from newest_by_series(tables, panel.columns, shape[0] * shape[1]) if newest else tables
            return
        intervals = create_intervals(*shape, config.intervals, calibration)
        stream: Iterable[Segment] = (segment for _, _, segment in self.segments(rows, config))
        if newest and not is_adaptive(model):
            stream = keep_newest(stream)
        tables = forecast_stream(stream, model, predictor, intervals, options.batch_size, output)
        yield from _newest_table(tables, shape[0] * shape[1]) if newest else tables

    def score(self, rows: Source) -> dict[str, float]:
        """Score the forecasts of all windows of the rows."""
        if self.metadata.panel is not None:
            return self._score_panel(rows)[0]
        segments = (segment for _, _, segment in self.segments(rows, self._config))
        return score_stream(segments, self.metadata, self._forecaster())

    def score_series(self, rows: Source) -> dict[str, dict[str, float]]:
        """Score the forecasts of each series by itself."""
        if self.metadata.panel is None:
            raise UserError(f"{self.source.name} is a model of one series: score(data) scores it.")
        return self._score_panel(rows)[1]

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
        parts = ((metadata, segment) for _, metadata, segment in self.segments(rows, self._config))
        sample = sample_windows(parts, self.metadata, windows)
        return explain_windows(
            self.model,
            sample.past,
            sample.truth,
            channels=[channel.name for channel in self.metadata.channels],
            scaler=sample.scaler,
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

    def read_history(
        self, rows: Source, count: int, names: Sequence[str] | None = None
    ) -> dict[str, SeriesHistory]:
        """Return the last rows of series that have a window, by their names; the name of one series is empty.

        Args:
            rows: Rows in the order of time.
            count: Number of rows.
            names: Names of series; None for the first few.

        Raises:
            UserError: A series is not in the rows, or has no window.
        """
        truths: dict[str, StreamTruths] = {}
        times: dict[str, list[np.ndarray]] = {}
        newest: dict[str, np.ndarray] = {}
        for name, metadata, segment in self.segments(rows, self._config):
            series = truths.setdefault(name, StreamTruths(metadata))
            times.setdefault(name, []).append(segment.time[segment.position > series.newest])
            series.add(segment)
            if len(segment.ends):
                newest[name] = segment.windows(segment.ends[-1:])
        chosen = list(newest)[:SHOWN_SERIES] if names is None else list(names)
        for name in chosen:
            if name not in newest:
                raise UserError(f"The data have no window of a series '{name}'.{nearest(name, list(newest))}")
        return {
            name: SeriesHistory(
                np.concatenate(times[name])[-count:],
                truths[name].values()[-count:],
                self._forecast_members(newest[name], truths[name].metadata),
            )
            for name in chosen
        }

    def segments(self, rows: Source, config: Config) -> Iterator[tuple[str, ModelMetadata, Segment]]:
        """Yield the segments of rows, read as the training data were, with the name and metadata of their series."""
        metadata, options = self.metadata, config.predict
        if metadata.panel is not None:
            panel = PanelStream(rows, metadata, options.time, options.stride)
            yield from ((state.name, state.metadata, segment) for state, segment in panel.segments())
            return
        missing = MissingStretches(metadata.lookback, metadata.categories, metadata.history)
        for segment in segments(read_rows(rows, metadata, options.time), metadata, options.stride, missing):
            yield "", metadata, segment

    def _score_panel(self, rows: Source) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
        options = self._config.predict
        panel = PanelStream(rows, self.metadata, options.time, options.stride)
        return score_panel(forecast_together(panel.segments(), self.predictor), self.metadata)

    def _forecast_members(self, past: np.ndarray, metadata: ModelMetadata) -> dict[str, np.ndarray]:
        """Return the forecasts ``[H, T]`` of an ensemble's members by their names; nothing for other models."""
        from tsforecast.ensemble.model import Ensemble
        from tsforecast.ensemble.window_outputs import select_points

        names = self.metadata.members
        if not isinstance(self.model, Ensemble):
            return {}
        outputs = np.asarray(self.model(past, training=False)["members"])
        points = np.asarray(select_points(outputs, self.metadata.quantile_levels))[0]
        return {
            name: metadata.scaler.inverse_targets(values) for name, values in zip(names, points, strict=True)
        }

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
                predictor.forecast_segment(segment, segment.ends)
                if ensemble is None
                else ensemble.forecasts(segment)
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
