"""What the service acknowledged: rows, truths and forecasts; and requests that failed without an excuse."""

import threading
import time
from collections import Counter
from contextlib import contextmanager

MAX_PRINTED = 100  # failures; the result has all
EXCUSED = {
    # While the service is down, and while the disk is full, a request may be refused; never answered wrongly.
    "restart": ("503", "no connection"),
    "full disk": ("503",),
}


class Ledger:
    """The record of the clients, from many threads."""

    def __init__(self):
        self.lock = threading.Lock()
        self.rows, self.truths, self.forecasts = set(), {}, set()
        self.requests = Counter()  # (kind, status, excuse)
        self.versions = set()
        self.failures = []
        self._excuses = []  # [reason, began, ended or None]
        self.began = time.monotonic()

    @contextmanager
    def excuse(self, reason):
        """Excuse requests that are under way at any moment of the block."""
        entry = [reason, time.monotonic(), None]
        with self.lock:
            self._excuses.append(entry)
        try:
            yield
        finally:
            entry[2] = time.monotonic()

    def seconds(self, reason):
        """Return the seconds during which there was an excuse."""
        return sum((end or time.monotonic()) - start for name, start, end in self._excuses if name == reason)

    def count(self, kind, status, detail, began):
        """Count a request; one that failed without an excuse is a failure."""
        ended = time.monotonic()
        with self.lock:
            excuses = [
                reason
                for reason, start, end in self._excuses
                if status in EXCUSED[reason] and start <= ended and (end is None or began <= end)
            ]
            excuse = excuses[0] if status != "200" and excuses else ""
            self.requests[kind, status, excuse] += 1
        if status != "200" and not excuse:
            self.fail(f"{kind}: {status} {detail[:200]}")

    def fail(self, sentence):
        """Record a failure."""
        with self.lock:
            self.failures.append({"at": round(time.monotonic() - self.began, 1), "failure": sentence})
        if len(self.failures) <= MAX_PRINTED:
            print(f"  FAILURE {sentence}", flush=True)
