"""Trackers in threads of their own, so that none of them, however slow or broken, holds up a run."""

from __future__ import annotations

import copy
import dataclasses
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tsforecast.errors import UserError
from tsforecast.tracking.artifacts import Artifact

if TYPE_CHECKING:
    from tsforecast.tracking.protocol import Tracker

MAX_WAITING = 10_000  # calls that a tracker may be behind
MAX_FAILURES = 3  # calls in a row after which nothing more is sent
_POLL_SECONDS = 0.05


@dataclasses.dataclass(frozen=True)
class Limits:
    """How long a run waits for a tracker.

    Args:
        start: Seconds until it has started; after them the run begins, and what it reports is sent later.
        call: Seconds of a single call, the start and the end included, after which it counts as hung.
        finish: Seconds at the end of a run until everything is sent.
    """

    start: float = 30.0
    call: float = 90.0
    finish: float = 300.0


class TrackerThread(threading.Thread):
    """One tracker: started, called and closed in this thread, in the order of the calls.

    Args:
        name: Name of the tracker, for messages.
        start: Starts it; the run's exception, if any, leaves the block.
        limits: How long it may take.
    """

    def __init__(self, name: str, start: Callable[[], AbstractContextManager[Tracker]], limits: Limits):
        super().__init__(
            name=f"tracker {name}", daemon=True
        )  # one that hangs must not keep the process alive
        self.label, self.limits = name, limits
        self.refusal: UserError | None = None  # why it cannot start, for the user to correct
        self._start_tracker = start
        self._calls: queue.SimpleQueue[Callable[[Tracker], None] | None] = queue.SimpleQueue()
        self._call_began: float | None = time.monotonic()
        self._has_started, self._is_done = threading.Event(), threading.Event()
        self._failures, self._has_warned, self._given_up = 0, False, False
        self._end: BaseException | None = None

    def wait_started(self) -> None:
        """Wait until the tracker has started, at most ``limits.start`` seconds.

        Raises:
            UserError: It refuses its options.
        """
        if not self._has_started.wait(self.limits.start):
            self._warn(f"has not started after {self.limits.start:g} s", "what it should get is sent later")
        if self.refusal is not None:
            raise self.refusal

    def send(self, call: Callable[[Tracker], None]) -> None:
        """Call the tracker as soon as it has done what came before; never waits."""
        if self._is_done.is_set() or self._given_up:
            return
        if self._is_hung() or self._calls.qsize() >= MAX_WAITING:
            self._give_up()
            return
        self._calls.put(call)

    def finish(self, failure: BaseException | None) -> None:
        """Close the tracker, after all that was sent, and wait for that within the limits.

        Args:
            failure: What ended the run; None if it finished.
        """
        self._end = _copy(failure)
        self._calls.put(None)
        deadline = time.monotonic() + self.limits.finish
        while not self._is_done.wait(_POLL_SECONDS):
            if self._given_up or self._is_hung() or time.monotonic() > deadline:
                self._give_up()
                return

    def run(self) -> None:
        """Start the tracker, make the calls, and close it."""
        try:
            with self._start_tracker() as tracker:
                self._has_started.set()
                self._make_calls(tracker)
                if self._end is not None:
                    raise self._end
        except UserError as error:
            if self._has_started.is_set():
                self._report(error)
            self.refusal = error
        except BaseException as error:
            self._report(error)
        finally:
            self._has_started.set()
            self._is_done.set()

    def _make_calls(self, tracker: Tracker) -> None:
        while True:
            self._call_began = None
            call = self._calls.get()
            self._call_began = time.monotonic()
            if call is None or self._given_up:
                return
            try:
                if self._failures < MAX_FAILURES:
                    call(tracker)
                    self._failures = 0
            except Exception as error:
                self._failures += 1
                self._report(error)
                if self._failures == MAX_FAILURES:
                    self._has_warned = False
                    self._warn(f"failed {MAX_FAILURES} times in a row", "nothing more is sent to it")

    def _is_hung(self) -> bool:
        began = self._call_began
        return began is not None and time.monotonic() - began > self.limits.call

    def _give_up(self) -> None:
        if not self._given_up:
            self._given_up = True
            self._warn("does not answer", "the run continues without it")

    def _report(self, error: BaseException) -> None:
        if error is not self._end:
            self._warn(f"did not take a report ({_first_line(error)})", "the run continues")

    def _warn(self, what: str, then: str) -> None:
        if not self._has_warned or self._given_up:
            print(f"The tracker {self.label} {what}; {then}.", flush=True)
        self._has_warned = True


class TrackerGroup:
    """Several trackers as one, each in a thread of its own; see `protocol.Tracker` for the methods.

    Args:
        threads: Started threads.
    """

    def __init__(self, threads: Sequence[TrackerThread]):
        self._threads = threads

    def log(self, row: Mapping[str, object], step: int) -> None:
        """Record the metrics of one epoch."""
        kept = dict(row)
        self._send(lambda tracker: tracker.log(kept, step))

    def summary(self, values: Mapping[str, object]) -> None:
        """Record the run's final figures."""
        kept = dict(values)
        self._send(lambda tracker: tracker.summary(kept))

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Record a table."""
        self._send(lambda tracker: tracker.table(name, columns, rows))

    def forecast_plot(
        self,
        name: str,
        x: Sequence[float],
        lines: Mapping[str, Sequence[float]],
        x_name: str,
        title: str = "",
    ) -> None:
        """Record a line plot."""
        self._send(lambda tracker: tracker.forecast_plot(name, x, lines, x_name, title))

    def page(self, name: str, path: str | Path) -> None:
        """Record a self-contained HTML page."""
        self._send(lambda tracker: tracker.page(name, path))

    def artifact(self, artifact: Artifact) -> None:
        """Record files."""
        self._send(lambda tracker: tracker.artifact(artifact))

    def use_data(self, name: str, digest: str, facts: Mapping[str, object]) -> None:
        """Record the data that the run used."""
        self._send(lambda tracker: tracker.use_data(name, digest, facts))

    def alert(self, title: str, text: str) -> None:
        """Tell people that something needs their attention."""
        self._send(lambda tracker: tracker.alert(title, text))

    def _send(self, call: Callable[[Tracker], None]) -> None:
        for thread in self._threads:
            thread.send(call)


@contextmanager
def start_trackers(
    starters: Mapping[str, Callable[[], AbstractContextManager[Tracker]]], limits: Limits | None = None
) -> Iterator[TrackerGroup]:
    """Start trackers, yield them as one, and close them.

    Args:
        starters: Name of each tracker, and what starts it.
        limits: How long they may take.

    Raises:
        UserError: One of them refuses its options.
    """
    threads = [TrackerThread(name, start, limits or Limits()) for name, start in starters.items()]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.wait_started()
        yield TrackerGroup(threads)
    except BaseException as error:
        for thread in threads:
            thread.finish(error)
        raise
    for thread in threads:
        thread.finish(None)


def _copy(failure: BaseException | None) -> BaseException | None:
    """Return a copy to raise in another thread, whose traceback stays out of the run's own."""
    try:
        return copy.copy(failure)
    except Exception:  # one with arguments of its own
        return RuntimeError(str(failure))


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
