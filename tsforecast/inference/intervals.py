"""Conformal intervals that adapt as truths arrive; NumPy only."""

import io
from typing import Any

import numpy as np

FEWEST = 20  # scores before an interval is given


class AdaptiveIntervals:
    """Two-sided adaptive conformal intervals, one for each step and target.

    A score is how far a truth lay outside the model's own band (below its lower edge, above its upper edge; negative
    inside; for a point forecast both edges are the forecast). Each tail has a level ``a`` and moves its edge outward by
    the conformal quantile ``1 - a`` of the newest scores. When a truth arrives, the level of each tail follows
    ``a += rate * (miss - missed)``, where ``miss`` is half of what the coverage leaves, so that over time each tail is
    missed as often as it should be, whatever the series does.

    Args:
        horizon: H.
        targets: T.
        coverage: nominal share of truths inside, in (0, 1).
        rate: of the level, above 0; larger ones follow faster and swing more.
        memory: newest scores kept, W.

    Source: Gibbs & Candès (2021), Adaptive Conformal Inference Under Distribution Shift, eq. 2, on each tail; scores of
    Romano, Patterson & Candès (2019). Deviations: where the level reaches 0, the edge is the largest score kept and
    not infinity, and the level stays in [0, 1]; truths of a whole block move it at once.
    """

    def __init__(self, horizon: int, targets: int, *, coverage: float, rate: float, memory: int):
        self.coverage, self.rate, self.memory = coverage, rate, memory
        self.miss = (1 - coverage) / 2
        self.levels = np.full((2, horizon, targets), self.miss)
        self.scores = np.full((2, horizon, targets, memory), np.nan, np.float32)
        self.at = np.zeros((horizon, targets), np.int64)  # scores ever seen
        self.inside = np.zeros((horizon, targets), np.int64)
        self.judged = np.zeros((horizon, targets), np.int64)
        self._margins: np.ndarray | None = None

    def calibrate(self, low: np.ndarray, high: np.ndarray, truth: np.ndarray) -> None:
        """Takes scores of windows that nobody was given an interval for.

        Args:
            low: ``[n, H, T]``, the lower edges of the model's own band.
            high: the upper ones.
            truth: NaN where unobserved.
        """
        for step, target in np.ndindex(self.at.shape):
            known = ~np.isnan(truth[:, step, target])
            self._keep(step, target, (low - truth)[known, step, target], (truth - high)[known, step, target])

    def margins(self) -> np.ndarray:
        """How far the edges move outward, ``[2, H, T]`` (lower, upper); NaN before there are enough scores."""
        if self._margins is None:
            counts = np.minimum(self.at, self.memory)
            ranked = np.sort(self.scores, axis=-1)  # NaN comes last
            rank = np.ceil((counts + 1) * (1 - self.levels)).astype(np.int64)
            chosen = np.clip(rank, 1, np.maximum(counts, 1)) - 1
            found = np.take_along_axis(ranked, chosen[..., None], axis=-1)[..., 0].astype(np.float64)
            self._margins = np.where(counts >= FEWEST, found, np.nan)
        return self._margins

    def around(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The intervals ``[n, H, T]`` of forecasts whose own bands are these; lower edges never above upper ones."""
        below, above = self.margins()
        lower, upper = low - below, high + above
        return np.minimum(lower, upper), np.maximum(lower, upper)

    def update(
        self, low: np.ndarray, high: np.ndarray, lower: np.ndarray, upper: np.ndarray, truth: np.ndarray
    ) -> None:
        """Learns from truths.

        Args:
            low: ``[n, H, T]``, the lower edges of the model's own bands, in the order of time.
            high: the upper ones.
            lower: of the intervals that were given, NaN where none was.
            upper: the same.
            truth: NaN where (still) unobserved.
        """
        for step, target in np.ndindex(self.at.shape):
            known = ~np.isnan(truth[:, step, target])
            if known.any():
                pick = (known, step, target)
                self._judge(step, target, truth[pick], lower[pick], upper[pick])
                self._keep(step, target, low[pick] - truth[pick], truth[pick] - high[pick])

    def learn(
        self,
        step: int,
        target: int,
        *,
        band: tuple[float, float],
        given: tuple[float | None, float | None],
        truth: float,
    ) -> None:
        """As ``update``, from one truth; ``given`` is the interval, or None twice."""
        low, high, now = (np.array([value]) for value in (*band, truth))
        lower, upper = (np.array([np.nan if value is None else value]) for value in given)
        self._judge(step, target, now, lower, upper)
        self._keep(step, target, low - now, now - high)

    def summary(self) -> dict[str, Any]:
        """``nominal`` coverage, the ``observed`` share of truths inside (None before any), and ``truths``."""
        truths = int(self.judged.sum())
        observed = float(self.inside.sum() / truths) if truths else None
        return {"nominal": self.coverage, "observed": observed, "truths": truths}

    def to_bytes(self) -> bytes:
        """What was learned, as an npz file."""
        held = io.BytesIO()
        names = ("levels", "scores", "at", "inside", "judged")
        np.savez_compressed(held, **{name: getattr(self, name) for name in names})
        return held.getvalue()

    def restore(self, stored: bytes) -> bool:
        """Takes what ``to_bytes`` gave if it fits steps and targets; tells whether it did.

        Scores of another memory are kept as far as they fit.
        """
        with np.load(io.BytesIO(stored)) as found:
            if found["at"].shape != self.at.shape:
                return False
            self.levels, self.inside, self.judged = found["levels"], found["inside"], found["judged"]
            older = found["scores"]
            for step, target in np.ndindex(self.at.shape):
                count = min(int(found["at"][step, target]), older.shape[-1])
                turn = int(found["at"][step, target]) % older.shape[-1] if count == older.shape[-1] else 0
                in_order = np.roll(older[:, step, target, :count], -turn, axis=-1)
                self._keep(step, target, *in_order)
        return True

    def _judge(self, step: int, target: int, truth: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> None:
        given = ~(np.isnan(lower) | np.isnan(upper))
        below, above = (truth < lower)[given], (truth > upper)[given]
        for tail, missed in enumerate((below, above)):
            moved = self.levels[tail, step, target] + self.rate * float((self.miss - missed).sum())
            self.levels[tail, step, target] = min(max(moved, 0.0), 1.0)
        self.judged[step, target] += int(given.sum())
        self.inside[step, target] += int((~below & ~above).sum())

    def _keep(self, step: int, target: int, below: np.ndarray, above: np.ndarray) -> None:
        count = len(below)
        places = (self.at[step, target] + np.arange(count))[-self.memory :] % self.memory
        self.scores[0, step, target, places] = below[-self.memory :]
        self.scores[1, step, target, places] = above[-self.memory :]
        self.at[step, target] += count
        self._margins = None


def new_intervals(
    horizon: int, targets: int, *, coverage: float, rate: float, memory: int, calibration: bytes | None
) -> AdaptiveIntervals:
    """Intervals as a version's calibration starts them, or with nothing learned."""
    made = AdaptiveIntervals(horizon, targets, coverage=coverage, rate=rate, memory=memory)
    if calibration is not None:
        learned = AdaptiveIntervals(horizon, targets, coverage=coverage, rate=rate, memory=memory)
        if learned.restore(calibration):
            learned.levels[:] = made.levels
            learned.inside[:] = learned.judged[:] = 0
            return learned
    return made
