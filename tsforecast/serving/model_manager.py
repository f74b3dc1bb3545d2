"""The model in service, and the thread that replaces it when the champion moves."""

import json
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsforecast.ensemble.live import LiveEnsemble
from tsforecast.files import write_bytes
from tsforecast.inference.intervals import AdaptiveIntervals, new_intervals
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.inference.predictor import Predictor, is_adaptive
from tsforecast.registry import Registry, Version

STOP_SECONDS = 3


@dataclass
class LoadedModel:
    """A version that is loaded, compiled and warm.

    Args:
        version: of the registry.
        predictor: of its model.
        intervals: that learn while it serves.
        following: tells an ensemble how its members did; None where its weights do not follow the truths.
    """

    version: Version
    predictor: Predictor
    intervals: AdaptiveIntervals
    following: LiveEnsemble | None = None

    @property
    def metadata(self) -> ModelMetadata:
        """What its model wants and gives."""
        return self.predictor.metadata


@dataclass(frozen=True)
class IntervalOptions:
    """As ``AdaptiveIntervals`` takes them, and the name of a version's file that starts them."""

    coverage: float
    rate: float
    memory: int
    calibration: str


class ModelManager:
    """Holds the active version; a new champion is loaded beside it and then takes its place in one assignment.

    Requests take ``active`` once and keep it to their end, so that none of them sees two models. A champion that
    cannot be loaded leaves the old one in service.

    Args:
        registry: where the champion is named.
        load: gives the model of a saved file.
        sizes: batch sizes to compile for.
        intervals: of every version.
        poll_seconds: between looks at the champion.
        watch: called with ``True`` after a change and ``False`` after one that failed.
    """

    def __init__(
        self,
        registry: Registry,
        load: Callable[[Path], Any],
        *,
        sizes: tuple[int, ...],
        intervals: IntervalOptions,
        poll_seconds: float,
        watch: Callable[[bool], None] = lambda done: None,
    ):
        self.registry, self.load, self.sizes, self.watch = registry, load, sizes, watch
        self.options, self.poll_seconds = intervals, poll_seconds
        self.active: LoadedModel | None = None
        self.trouble: str | None = None  # why the newest champion is not in service
        self._refused: str | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="champion", daemon=True)

    def start(self) -> None:
        """Begins to load the champion and to follow it, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread, and keeps what was learned."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)  # a model that is being loaded is not waited for
        self.save()

    def save(self) -> None:
        """Writes what the intervals and the weights learned, for the next start."""
        active = self.active
        if active is None:
            return
        name, held = active.version.name, {}
        if active.intervals.judged.any():
            held[".npz"] = active.intervals.to_bytes()
        if active.following is not None and active.following.learned:
            held[".json"] = json.dumps(active.following.to_dict()).encode()
        for suffix, content in held.items():
            path = self._learned(name, suffix)
            path.parent.mkdir(exist_ok=True)
            write_bytes(path, content)

    def refresh(self) -> bool:
        """Looks at the champion, and puts it in service if it is another; tells whether it did."""
        try:
            name = self.registry.champion_name()
            if name is None or name == self._refused or (self.active and self.active.version.name == name):
                return False
            made = self._made(self.registry.version(name))
        except Exception as error:  # the old one must go on serving, whatever is wrong with the new one
            self._refuse(error)
            return False
        self.save()
        self.active, self.trouble, self._refused = made, None, None
        self.watch(True)
        return True

    def _refuse(self, error: Exception) -> None:
        try:
            self._refused = self.registry.champion_name()
        except (OSError, ValueError):  # the alias itself cannot be read
            self._refused = None
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        told = f"{self._refused or 'The champion'} is not in service: {reason}"
        if told != self.trouble:
            print(told, file=sys.stderr, flush=True)
            self.watch(False)
        self.trouble = told

    def _made(self, version: Version) -> LoadedModel:
        version.check()
        model = self.load(version.model)
        predictor = Predictor(model, self.sizes)
        metadata, options = predictor.metadata, self.options
        start = version.path / options.calibration
        intervals = new_intervals(
            metadata.horizon,
            len(metadata.targets),
            coverage=options.coverage,
            rate=options.rate,
            memory=options.memory,
            calibration=start.read_bytes() if start.is_file() else None,
        )
        following = LiveEnsemble(model, metadata) if is_adaptive(model) else None
        learned, weights = self._learned(version.name, ".npz"), self._learned(version.name, ".json")
        if learned.is_file():
            intervals.restore(learned.read_bytes())
        if following is not None and weights.is_file():
            following.restore(json.loads(weights.read_text()))
        return LoadedModel(version, predictor, intervals, following)

    def _learned(self, name: str, suffix: str) -> Path:
        return self.registry.path / "live" / f"{name}{suffix}"

    def _follow(self) -> None:
        while not self._ended.is_set():
            self.refresh()
            self._ended.wait(self.poll_seconds)
