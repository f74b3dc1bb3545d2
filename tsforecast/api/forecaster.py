"""A trained model as an object: it forecasts, scores, explains and draws new rows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tsforecast.api.frames import find_rows, is_path, store, to_frame
from tsforecast.api.html import render_table
from tsforecast.api.overrides import Overrides, as_overrides, optional_override, override
from tsforecast.api.session import mistakes_as_user_errors, prepare_command, promote, quiet, run_job
from tsforecast.errors import UserError
from tsforecast.registry.model_source import ModelSource, resolve_model
from tsforecast.registry.options import RegistryOptions

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.figure import Figure

    from tsforecast.api.loaded_model import LoadedModel
    from tsforecast.config import Config
    from tsforecast.inference.metadata import ModelMetadata

Frame = TypeVar("Frame")
Folder = str | PathLike[str]
REGISTRY = "outputs/registry"


def load(model: Folder = "champion", *, registry: Folder = REGISTRY) -> Forecaster:
    """Load a trained model.

    Args:
        model: Folder of a finished run; ``"champion"``; or the name of a version of the registry, such as ``v0002``.
        registry: Folder of the registry.

    Raises:
        UserError: The run, version or champion does not exist.

    Example:
        ::

            forecaster = tsforecast.load("champion")
            forecaster.predict(frame, intervals=0.9)
    """
    model = os.fspath(model)
    with mistakes_as_user_errors():
        if Path(model).is_dir():
            return Forecaster(resolve_model(_registry_options(registry), model), run=Path(model))
        version = None if model == "champion" else model
        if version is not None and not (Path(registry) / "versions" / Path(version).name).is_dir():
            raise UserError(
                f"{model} is neither the folder of a run nor a version of {registry}: give one of them, or 'champion'."
            )
        return Forecaster(resolve_model(_registry_options(registry, version), None), registry=Path(registry))


def _registry_options(path: Folder, version: str | None = None) -> RegistryOptions:
    return RegistryOptions(path=str(path), version=version, why=None)


class Forecaster:
    """A trained model, with the scaling and the reading of its training data.

    Data are data frames of pandas, polars, PyArrow and other libraries, or paths of files; they are read as the
    training data were, and what is computed from a data frame is a data frame of the same library.

    Args:
        source: The saved model.
        run: Folder of its run, if it comes from one.
        registry: Folder of its registry, if it comes from one.

    Attributes:
        name: Name of the run's folder or of the version.
    """

    def __init__(self, source: ModelSource, *, run: Path | None = None, registry: Path | None = None):
        from tsforecast.models.io import load_metadata

        load_metadata(source.model)  # refuses a run without a model
        self._source, self._run, self._registry = source, run, registry
        self.name = source.name

    @cached_property
    def metadata(self) -> ModelMetadata:
        """Window, targets and features of the model; reading it needs no TensorFlow."""
        from tsforecast.inference.metadata import ModelMetadata
        from tsforecast.models.io import load_metadata, load_task

        return ModelMetadata.from_task(load_task(self._source.model), load_metadata(self._source.model))

    @property
    def targets(self) -> tuple[str, ...]:
        """The forecast columns."""
        return tuple(self.metadata.targets)

    @property
    def horizon(self) -> int:
        """Number of steps that are forecast."""
        return self.metadata.horizon

    @property
    def lookback(self) -> int:
        """Number of rows that a forecast is computed from."""
        return self.metadata.lookback

    def predict(
        self,
        data: Frame,
        intervals: float | None = None,
        *,
        stride: int | None = None,
        levels: Sequence[float] | None = None,
        time: str | Sequence[str] | None = None,
    ) -> Frame:
        """Forecast what follows the last row, or from every ``stride``-th row.

        A model of many series forecasts each series in the data; its intervals always learn from the truths in them.

        Args:
            data: Rows in the order of time, at least `lookback` of them.
            intervals: Share of the truths that intervals should contain, in (0, 1); None for no intervals. Those of the
                newest forecast start from the errors on the validation rows. With ``stride`` they learn from the truths
                in the data, as those of ``job=predict``.
            stride: Rows from one forecast to the next, as ``predict.stride``; None forecasts from the last row only.
            levels: More quantiles, of a model with a distribution.
            time: The time column, or a date and a clock column; None to find it.

        Returns:
            One row per forecast value: ``made_at``, ``time``, ``target``, ``forecast``, with intervals ``lower`` and
            ``upper``, and further columns, see ``inference.forecast_table``.

        Raises:
            UserError: The data do not fit the model.
        """
        options = {"stride": 1 if stride is None else stride, "levels": levels, "time": time}
        config = self._config(intervals, **{f"predict.{key}": value for key, value in options.items()})
        table = self._forecast(data, config, newest=stride is None, calibrated=intervals is not None)
        if intervals is None:
            table = table.drop_columns(["lower", "upper"])
        return to_frame(table, data)

    def sample(self, data: Frame, paths: int = 100, *, seed: int = 0) -> Frame:
        """Draw sample paths of what follows the last row, of many series that of each, from a model with quantiles.

        Args:
            data: Rows in the order of time.
            paths: Number of paths.
            seed: Random seed.

        Raises:
            UserError: The model forecasts no quantiles, or the data do not fit it.
        """
        import pyarrow as pa

        config = self._config(**{"predict.samples": paths, "seed": seed})
        if config.predict is not None and not config.predict.samples:
            raise UserError("paths=0 draws nothing: give a number from 1 on.")
        tables: list[pa.Table] = []
        self._forecast(data, config, newest=True, calibrated=False, paths=tables)
        return to_frame(pa.concat_tables(tables), data)

    def score(self, data: object = None) -> dict[str, float]:
        """Score the model on the forecasts of all windows whose truths are in the data.

        Args:
            data: Rows in the order of time; None for the test split of the run, with the figures of ``job=evaluate``.

        Returns:
            Metric to value, in the target's unit: ``rmse``, ``mae``, ...; ``mase``, relative to the seasonal naive
            forecast on the rows that the model was trained on; ``skill/persistence``, and ``windows``. For a model of
            many series ``mase`` and ``smape`` are means over the series, and ``series`` is their number.

        Raises:
            UserError: The data do not fit the model, or have no truth of a forecast.
        """
        with mistakes_as_user_errors():
            if data is None:
                return self._loaded.score_test()
            with _naming_the_data():
                return self._loaded.score(find_rows(data))

    def score_series(self, data: Frame) -> Frame:
        """Score the forecasts of each series in the data, by a model of many series.

        Args:
            data: Rows in the order of time within each series.

        Returns:
            One row per series: ``series``, ``windows``, ``rmse``, ``mae``, ``smape``, ``wape`` and ``mase``.

        Raises:
            UserError: The model is one of a single series, or as for `score`.
        """
        import pyarrow as pa

        with mistakes_as_user_errors(), _naming_the_data():
            figures = self._loaded.score_series(find_rows(data))
        rows = [{"series": name, **values} for name, values in figures.items()]
        return to_frame(pa.Table.from_pylist(rows), data)

    def explain(
        self, data: object = None, *, windows: int = 2048, repeats: int = 5, seed: int = 0
    ) -> dict[str, Any]:
        """Measure which features and which steps back the forecasts depend on, see ``evaluation.importance.explain``.

        Args:
            data: Rows in the order of time; None for the test split of the run.
            windows: Number of windows at most, evenly spaced.
            repeats: Number of permutations.
            seed: Random seed of the permutations.

        Raises:
            UserError: The data do not fit the model.
        """
        options = {"report.explain_windows": windows, "report.explain_repeats": repeats, "seed": seed}
        config = self._config(**options)
        with mistakes_as_user_errors(), _naming_the_data():
            return self._loaded.explain(None if data is None else find_rows(data), config)

    def plot(
        self,
        data: object,
        intervals: float | None = 0.9,
        *,
        history: int | None = None,
        series: str | Sequence[str] | None = None,
    ) -> Figure:
        """Return a figure of the rows and the forecast that follows them, with its interval.

        The figure of an ensemble also shows the forecasts of its members.

        Args:
            data: Rows in the order of time.
            intervals: Share of the truths that the interval should contain; None for none.
            history: Number of rows to show before the forecast; None for three times the horizon, at least `lookback`.
            series: Names of series to show, for a model of many; None for the first four in the data.
        """
        from tsforecast.plots import plot_forecast, plot_series

        config = self._config(intervals)
        if history is not None and history < 1:
            raise UserError(f"history={history} must be at least 1.")
        names = [series] if isinstance(series, str) else series
        count = history or max(self.lookback, 3 * self.horizon)
        with mistakes_as_user_errors(), _naming_the_data():
            past = self._loaded.read_history(find_rows(data), count, names)
        table = self._forecast(data, config, newest=True, calibrated=intervals is not None)
        if self.metadata.panel is not None:
            return plot_series(table, past, unit=self.metadata.unit, coverage=intervals)
        return plot_forecast(table, past[""], unit=self.metadata.unit, coverage=intervals)

    def update(self, data: object, overrides: Overrides | None = None, *, verbose: bool = True) -> Forecaster:
        """Train the model further with new rows, as ``job=retrain`` does, and return the better of both.

        The model of a run is first registered in ``registry`` inside the folder of the run.

        Args:
            data: The grown series: new rows, with enough earlier ones to train and to compare on.
            overrides: Options such as ``{"retrain.max_steps": 100, "retrain.train_steps": 5000}``.
            verbose: Whether to print progress and the verdict.

        Returns:
            The champion after the promotion gate: a new forecaster, or one with the weights of this one.

        Raises:
            UserError: The rows are too few, or do not fit the model.
        """
        registry = self._registry or self._own_registry()
        path = data if is_path(data) else store(data).absolute()
        words = ["job=retrain", override("registry.path", registry), override("retrain.data", path)]
        run_job([*words, *as_overrides(overrides)], verbose=verbose)
        return load("champion", registry=registry)

    def __repr__(self) -> str:
        window = f"lookback={self.lookback}, horizon={self.horizon}"
        return f"Forecaster('{self.name}', targets={list(self.targets)}, {window})"

    def _repr_html_(self) -> str:
        metadata = self.metadata
        rows = [
            ["targets", ", ".join(self.targets)],
            ["features", ", ".join(metadata.features)],
            [
                "window",
                f"{self.lookback} rows, {metadata.lead} to {metadata.lead + self.horizon - 1} steps ahead",
            ],
        ]
        return render_table(["", self.name], rows)

    @cached_property
    def _loaded(self) -> LoadedModel:
        from tsforecast.api.loaded_model import LoadedModel

        return LoadedModel(self._source, self.metadata, self._config())

    def _own_registry(self) -> Path:
        run = Path(str(self._run))
        registry = run / "registry"
        if not registry.is_dir():
            promote(run, registry)
        return registry

    def _config(self, coverage: float | None = None, **options: object) -> Config:
        """Return the checked config of a prediction with some options, of which None is the default."""
        words = ["job=predict", "predict.data=data", *optional_override("intervals.coverage", coverage)]
        for key, value in options.items():
            words += optional_override(key, value)
        return prepare_command(words)

    def _forecast(
        self,
        data: object,
        config: Config,
        *,
        newest: bool,
        calibrated: bool,
        paths: list[pa.Table] | None = None,
    ) -> pa.Table:
        with mistakes_as_user_errors(), _naming_the_data():
            calibration = self._source.calibration
            if newest and calibrated and calibration is None and self.metadata.panel is None:
                with quiet():
                    calibration = self._loaded.calibrate(config.intervals)
            tables = self._loaded.forecast(find_rows(data), config, calibration, newest=newest, paths=paths)
            return _concatenate(tables, self)


def _concatenate(tables: Iterable[pa.Table], forecaster: Forecaster) -> pa.Table:
    import pyarrow as pa

    parts = list(tables)
    if not parts:
        raise UserError(
            f"The data have no {forecaster.lookback} consecutive rows, as a window of {forecaster.name} needs."
        )
    return pa.concat_tables(parts)


@contextmanager
def _naming_the_data() -> Iterator[None]:
    """Leave out the key of the command line, which a caller in Python has not used."""
    try:
        yield
    except UserError as error:
        message = str(error).removeprefix("predict.data: ")
        begins_with_key = "." in message.partition(" ")[0]
        raise UserError(message if begins_with_key else message[:1].upper() + message[1:]) from None
