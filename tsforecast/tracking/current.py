"""The tracker of the command that runs in this process, for code that reports what happens in daily operation.

A training passes its tracker on; retraining, promotion and the service report from deep inside, where a tracker among
the arguments of every function would be in the way.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tsforecast.tracking.null_tracker import NullTracker

if TYPE_CHECKING:
    from tsforecast.tracking.protocol import Tracker

# Jobs that work with models in service; those that train have a tracker of each run.
COMMANDS = ("retrain", "replay", "promote", "rollback", "predict", "serve")

_tracker: Tracker = NullTracker()


def current_tracker() -> Tracker:
    """Return the tracker of this command; one that does nothing outside of one.

    Example:
        >>> current_tracker().alert("Retraining refused", "the challenger is worse.")
    """
    return _tracker


@contextmanager
def use_tracker(tracker: Tracker) -> Iterator[None]:
    """Make a tracker that of the command, within the block."""
    global _tracker
    before, _tracker = _tracker, tracker
    try:
        yield
    finally:
        _tracker = before
