"""A limit on the requests of each client: a bucket that fills steadily and that each request takes one from."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

MAX_CLIENTS = 10_000  # that are remembered; the one that has been quiet longest is forgotten first


class RateLimit:
    """Limits each client to a number of requests per minute, of which all may come at once.

    Args:
        per_minute: Requests per minute, above 0.
        clock: Returns seconds that never go back.

    Example:
        >>> limit = RateLimit(per_minute=2, clock=lambda: 0.0)
        >>> [limit.wait_seconds("plant") for _ in range(3)]
        [0, 0, 30]
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic):
        self.per_minute, self._clock = per_minute, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # level and when it was that

    def wait_seconds(self, client: str) -> int:
        """Take a request of a client, or return after how many seconds it may ask again; 0: it was taken."""
        now = self._clock()
        level, since = self._buckets.pop(client, (float(self.per_minute), now))
        level = min(self.per_minute, level + (now - since) * self.per_minute / 60)
        is_taken = level >= 1
        self._buckets[client] = (level - is_taken, now)
        while len(self._buckets) > MAX_CLIENTS:
            self._buckets.popitem(last=False)
        return 0 if is_taken else math.ceil((1 - level) * 60 / self.per_minute)
