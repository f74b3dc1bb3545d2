"""The model in service, and the thread that replaces it when the champion changes."""

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tsforecast.ensemble.live import LiveEnsemble
from tsforecast.errors import UserError
from tsforecast.inference.intervals import AdaptiveIntervals
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.inference.options import IntervalOptions
from tsforecast.inference.predictor import Predictor, is_adaptive
from tsforecast.inference.series_intervals import SeriesIntervals
from tsforecast.journal.writer import NotStored
from tsforecast.registry import Registry, Version
from tsforecast.serving.series_book import SeriesBook
from tsforecast.serving.series_names import series_columns

if TYPE_CHECKING:
    from tsforecast.models.protocol import Model

STOP_SECONDS = 3
RETRY_SECONDS = (
    60  # after which a champion that could not be loaded is tried again: it may have been repaired
)


@dataclass
class LoadedModel:
    """A version that is loaded, compiled and warm.

    Args:
        version: Version of the registry.
        predictor: Predictor of its model.
        series: Its series, with intervals that learn while it serves.
        ensemble: Weights of an ensemble that follow the truths; None for other models.
    """

    version: Version
    predictor: Predictor
    series: SeriesBook
    ensemble: LiveEnsemble | None = None

    @property
    def name(self) -> str:
        """Name of the version."""
        return self.version.name

    @property
    def intervals(self) -> SeriesIntervals:
        """Intervals of its series."""
        return self.series.intervals

    def intervals_of(self, series: str) -> AdaptiveIntervals | None:
        """Return the intervals of a series; None for a series without a level."""
        return self.series.intervals_of(series)

    def restore_level(self, series: str, content: str) -> None:
        """Restore the level of a series that was not in the training data."""
        self.series.restore(series, content)

    @property
    def metadata(self) -> ModelMetadata:
        """Inputs, outputs and units of the model."""
        return self.predictor.metadata


def check_same_targets(shadow: ModelMetadata, champion: ModelMetadata, name: str) -> None:
    """Refuse a shadow whose forecasts cannot be compared with the champion's.

    Args:
        shadow: Metadata of the shadow.
        champion: Metadata of the champion.
        name: Name of the shadow.

    Raises:
        UserError: Targets or the step differ.
    """
    if series_columns(shadow) != series_columns(champion):
        raise UserError(
            f"{name} does not forecast the same series as the champion: choose a version that does."
        )
    if shadow.numbers_steps != champion.numbers_steps:
        raise UserError(
            f"Times number steps for {name} or for the champion alone: choose a version with the same."
        )
    if shadow.targets != champion.targets or shadow.grid != champion.grid:
        raise UserError(
            f"{name} forecasts {', '.join(shadow.targets)} every {shadow.grid.step.describe()}, and the champion"
            f" {', '.join(champion.targets)} every {champion.grid.step.describe()}: choose a version with the same."
        )


class ModelManager:
    """Holds the model in service; a new champion is loaded next to it and then replaces it in one assignment.

    A request takes ``active`` once and keeps it to its end, so that no request sees two models. If a champion cannot
    be loaded, the old model stays in service.

    Args:
        registry: Registry that names the champion.
        load: Loads a saved model.
        sizes: Batch sizes to compile for.
        intervals: Options of every version's intervals.
        poll_seconds: Seconds between two looks at the champion.
        on_change: Called with True after a change and with False after one that failed.
        restore: Restores what a loaded version learned in earlier service.
        shadow: Name of a version that forecasts the same windows without being in service; None for none.
        max_series: Series that may be in use, of a model of many.

    Example:
        ::

            manager = ModelManager(registry, load_model, sizes=(1, 32), intervals=options, poll_seconds=1.0)
            manager.start()  # manager.active is None until the champion is loaded
    """

    def __init__(
        self,
        registry: Registry,
        load: "Callable[[Path], Model]",
        *,
        sizes: tuple[int, ...],
        intervals: IntervalOptions,
        poll_seconds: float,
        on_change: Callable[[bool], None] = lambda succeeded: None,
        restore: Callable[[LoadedModel], None] = lambda model: None,
        shadow: str | None = None,
        max_series: int = 1000,
    ):
        self.registry, self.load, self.sizes, self.on_change = registry, load, sizes, on_change
        self.options, self.poll_seconds = intervals, poll_seconds
        self.restore, self.shadow_name, self.max_series = restore, shadow, max_series
        self.active: LoadedModel | None = None
        self.shadow: LoadedModel | None = None
        self.shadow_trouble: str | None = None  # why there is no shadow
        self.trouble: str | None = None  # why the newest champion is not in service
        self._failed: str | None = None
        self._next_try = 0.0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="champion", daemon=True)

    def start(self) -> None:
        """Start to load the champion and to follow it, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)  # does not wait for a model that is being loaded

    def refresh(self) -> bool:
        """Look at the champion, and put it in service if it has changed; return whether it did."""
        try:
            name = self.registry.champion_name()
            if name != self._failed or time.monotonic() >= self._next_try:
                self._failed = None
            if self.active is not None and self.active.name == name:
                self.trouble = None  # what could not be loaded is no longer the champion
                return False
            if name is None or name == self._failed:
                return False
            is_shadow = self.shadow is not None and self.shadow.name == name
            model = self.shadow if is_shadow else self._load(self.registry.version(name))
        except Exception as error:  # the old one must stay in service, whatever is wrong with the new one
            self._record_failure(error)
            return False
        self.active, self.trouble, self._failed = model, None, None
        self.on_change(True)
        return True

    def refresh_shadow(self) -> None:
        """Load the shadow once a champion is in service; there is none while it is the champion itself."""
        name, active = self.shadow_name, self.active
        if name is None or active is None:
            return
        if active.name == name:
            self.shadow = None
        elif self.shadow is None:
            try:
                shadow = self._load(self.registry.version(name))
                check_same_targets(shadow.metadata, active.metadata, name)
            except Exception as error:  # the service does not depend on its shadow
                self.shadow_trouble = f"The shadow {name} cannot be used: {_reason(error)}"
                self.shadow_name = None
                print(self.shadow_trouble, file=sys.stderr, flush=True)
                return
            self.shadow = shadow

    def _record_failure(self, error: Exception) -> None:
        try:
            self._failed = None if isinstance(error, NotStored) else self.registry.champion_name()
        except (OSError, ValueError):  # champion.json itself cannot be read
            self._failed = None
        self._next_try = time.monotonic() + RETRY_SECONDS
        trouble = f"{self._failed or 'The champion'} is not in service: {_reason(error)}"
        if trouble != self.trouble:
            print(trouble, file=sys.stderr, flush=True)
            self.on_change(False)
        self.trouble = trouble

    def _load(self, version: Version) -> LoadedModel:
        version.check()
        model = self.load(version.model)
        predictor = Predictor(model, self.sizes)
        metadata = predictor.metadata
        intervals = SeriesIntervals(metadata, self.options, version.calibration())
        ensemble = LiveEnsemble(model, metadata) if is_adaptive(model) else None
        loaded = LoadedModel(version, predictor, SeriesBook(metadata, intervals, self.max_series), ensemble)
        self.restore(loaded)
        return loaded

    def _poll(self) -> None:
        while not self._stopped.is_set():
            self.refresh()
            self.refresh_shadow()
            self._stopped.wait(self.poll_seconds)


def _reason(error: Exception) -> str:
    """Return the first line of a message, or the kind of an error without one."""
    return (str(error).splitlines() or [type(error).__name__])[0]
