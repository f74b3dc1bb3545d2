"""The model in service, and the thread that replaces it when the champion changes."""

import json
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tsforecast.ensemble.live import LiveEnsemble
from tsforecast.files import write_bytes
from tsforecast.inference.intervals import AdaptiveIntervals, create_intervals
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.inference.options import IntervalOptions
from tsforecast.inference.predictor import Predictor, is_adaptive
from tsforecast.registry import Registry, Version

if TYPE_CHECKING:
    from tsforecast.models.protocol import Model

STOP_SECONDS = 3


@dataclass
class LoadedModel:
    """A version that is loaded, compiled and warm.

    Args:
        version: Version of the registry.
        predictor: Predictor of its model.
        intervals: Intervals that learn while it serves.
        ensemble: Weights of an ensemble that follow the truths; None for other models.
    """

    version: Version
    predictor: Predictor
    intervals: AdaptiveIntervals
    ensemble: LiveEnsemble | None = None

    @property
    def metadata(self) -> ModelMetadata:
        """Inputs, outputs and units of the model."""
        return self.predictor.metadata


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
    ):
        self.registry, self.load, self.sizes, self.on_change = registry, load, sizes, on_change
        self.options, self.poll_seconds = intervals, poll_seconds
        self.active: LoadedModel | None = None
        self.trouble: str | None = None  # why the newest champion is not in service
        self._failed: str | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="champion", daemon=True)

    def start(self) -> None:
        """Start to load the champion and to follow it, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread, and save what was learned."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)  # does not wait for a model that is being loaded
        self.save()

    def save(self) -> None:
        """Save what the intervals and the weights learned, for the next start."""
        active = self.active
        if active is None:
            return
        contents = {}
        if active.intervals.truths.any():
            contents[".npz"] = active.intervals.to_bytes()
        if active.ensemble is not None and active.ensemble.learned:
            contents[".json"] = json.dumps(active.ensemble.to_dict()).encode()
        for suffix, content in contents.items():
            path = self._state_path(active.version.name, suffix)
            path.parent.mkdir(exist_ok=True)
            write_bytes(path, content)

    def refresh(self) -> bool:
        """Look at the champion, and put it in service if it has changed; return whether it did."""
        try:
            name = self.registry.champion_name()
            if name is None or name == self._failed or (self.active and self.active.version.name == name):
                return False
            model = self._load(self.registry.version(name))
        except Exception as error:  # the old one must stay in service, whatever is wrong with the new one
            self._record_failure(error)
            return False
        self.save()
        self.active, self.trouble, self._failed = model, None, None
        self.on_change(True)
        return True

    def _record_failure(self, error: Exception) -> None:
        try:
            self._failed = self.registry.champion_name()
        except (OSError, ValueError):  # champion.json itself cannot be read
            self._failed = None
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        trouble = f"{self._failed or 'The champion'} is not in service: {reason}"
        if trouble != self.trouble:
            print(trouble, file=sys.stderr, flush=True)
            self.on_change(False)
        self.trouble = trouble

    def _load(self, version: Version) -> LoadedModel:
        version.check()
        model = self.load(version.model)
        predictor = Predictor(model, self.sizes)
        metadata = predictor.metadata
        intervals = create_intervals(
            metadata.horizon, len(metadata.targets), self.options, version.calibration()
        )
        ensemble = LiveEnsemble(model, metadata) if is_adaptive(model) else None
        learned, weights = self._state_path(version.name, ".npz"), self._state_path(version.name, ".json")
        if learned.is_file():
            intervals.restore(learned.read_bytes())
        if ensemble is not None and weights.is_file():
            ensemble.restore(json.loads(weights.read_text()))
        return LoadedModel(version, predictor, intervals, ensemble)

    def _state_path(self, name: str, suffix: str) -> Path:
        return self.registry.path / "live" / f"{name}{suffix}"

    def _poll(self) -> None:
        while not self._stopped.is_set():
            self.refresh()
            self._stopped.wait(self.poll_seconds)
