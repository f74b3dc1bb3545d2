"""Conformal prediction intervals that adapt as truths arrive; NumPy only."""

import io
from typing import TypedDict

import numpy as np

from tsforecast.inference.options import IntervalOptions
from tsforecast.untrusted.archives import read_arrays

MIN_SCORES = 20  # before an interval is given
FIRST_SCORES = 32  # that there is room for at first


class CoverageSummary(TypedDict):
    """Nominal coverage, observed share of truths inside (None before any), and the number of those truths."""

    nominal: float
    observed: float | None
    truths: int


class AdaptiveIntervals:
    """Two-sided adaptive conformal intervals, one for each step and target.

    A score is the distance of a truth outside the model's own band (below its lower edge, above its upper edge;
    negative inside; for a point forecast both edges are the forecast). Each tail has a level ``a`` and moves its edge
    outward by the conformal quantile ``1 - a`` of the newest scores. When a truth arrives, the level of each tail
    follows ``a += rate * (miss - missed)``, where ``miss`` is half of what the coverage leaves. Over time each tail is
    therefore missed as often as it should be, whatever the series does.

    Args:
        horizon: Number of steps H.
        targets: Number of targets T.
        coverage: Nominal share of truths inside, in (0, 1).
        rate: Step of the level, at least 0; larger ones follow faster and vary more.
        memory: Number of the newest scores to keep.

    Example:
        >>> intervals = AdaptiveIntervals(1, 1, coverage=0.8, rate=0.0, memory=100)
        >>> errors = np.linspace(-1, 1, 99).reshape(-1, 1, 1)
        >>> intervals.calibrate(np.zeros_like(errors), np.zeros_like(errors), errors)
        >>> forecast = np.array([[[5.0]]])
        >>> lower, upper = intervals.bounds(forecast, forecast)
        >>> round(lower.item(), 1), round(upper.item(), 1)
        (4.2, 5.8)

    Source: Gibbs & Candès (2021), Adaptive Conformal Inference Under Distribution Shift, eq. 2, on each tail; scores of
    Romano, Patterson & Candès (2019). Deviations: where the level reaches 0, the edge is the largest score kept and
    not infinity, and the level stays in [0, 1]; the truths of a whole block move it at once.
    """

    def __init__(self, horizon: int, targets: int, *, coverage: float, rate: float, memory: int):
        self.coverage, self.rate, self.memory = coverage, rate, memory
        self.miss = (1 - coverage) / 2
        self.levels = np.full((2, horizon, targets), self.miss)
        # Grows as scores arrive, since a model of many series has intervals for each.
        self.scores = np.full((2, horizon, targets, min(memory, FIRST_SCORES)), np.nan, np.float32)
        self.seen = np.zeros((horizon, targets), np.int64)  # scores, also those no longer in memory
        self.inside = np.zeros((horizon, targets), np.int64)
        self.truths = np.zeros((horizon, targets), np.int64)  # that had an interval
        self._margins: np.ndarray | None = None

    def calibrate(self, low: np.ndarray, high: np.ndarray, truth: np.ndarray) -> None:
        """Add scores of windows for which no interval was given.

        Args:
            low: Lower edges ``[n, H, T]`` of the model's own bands.
            high: Upper edges ``[n, H, T]``.
            truth: ``[n, H, T]``, NaN where unobserved.
        """
        for step, target in np.ndindex(self.seen.shape):
            known = ~np.isnan(truth[:, step, target])
            self._add_scores(
                step, target, (low - truth)[known, step, target], (truth - high)[known, step, target]
            )

    def margins(self) -> np.ndarray:
        """Return how far the edges move outward, ``[2, H, T]`` (lower, upper); NaN before there are enough scores."""
        if self._margins is None:
            counts = np.minimum(self.seen, self.memory)
            ranked = np.sort(self.scores, axis=-1)  # NaN comes last
            rank = np.ceil((counts + 1) * (1 - self.levels)).astype(np.int64)
            index = np.clip(rank, 1, np.maximum(counts, 1)) - 1
            quantiles = np.take_along_axis(ranked, index[..., None], axis=-1)[..., 0].astype(np.float64)
            self._margins = np.where(counts >= MIN_SCORES, quantiles, np.nan)
        return self._margins

    def bounds(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the bounds ``[n, H, T]`` of intervals from the model's own bands; lower ones never above upper ones.

        Args:
            low: Lower edges ``[n, H, T]`` of the model's own bands.
            high: Upper edges ``[n, H, T]``.
        """
        below, above = self.margins()
        lower, upper = low - below, high + above
        return np.minimum(lower, upper), np.maximum(lower, upper)

    def update(
        self, low: np.ndarray, high: np.ndarray, lower: np.ndarray, upper: np.ndarray, truth: np.ndarray
    ) -> None:
        """Learn from truths.

        Args:
            low: Lower edges ``[n, H, T]`` of the model's own bands, in the order of time.
            high: Upper edges ``[n, H, T]``.
            lower: Lower bounds ``[n, H, T]`` of the intervals that were given, NaN where none was.
            upper: Upper bounds ``[n, H, T]``.
            truth: ``[n, H, T]``, NaN where (still) unobserved.
        """
        is_given = ~(np.isnan(lower) | np.isnan(upper))
        is_complete = not np.isnan(truth).any() and (is_given.all() or not is_given.any())
        if is_complete and (self.seen == self.seen[0, 0]).all():
            self._update_together(low, high, truth, (lower, upper) if is_given.all() else None)
            return
        for step, target in np.ndindex(self.seen.shape):
            known = ~np.isnan(truth[:, step, target])
            if known.any():
                pick = (known, step, target)
                self._move_levels(step, target, truth[pick], lower[pick], upper[pick])
                self._add_scores(step, target, low[pick] - truth[pick], truth[pick] - high[pick])

    def update_one(
        self,
        step: int,
        target: int,
        *,
        band: tuple[float, float],
        interval: tuple[float | None, float | None],
        truth: float,
    ) -> None:
        """Learn from one truth; see ``update``.

        Args:
            step: Index of the step.
            target: Index of the target.
            band: Lower and upper edge of the model's own band.
            interval: Lower and upper bound that were given, or None twice.
            truth: The truth.
        """
        low, high, value = (np.array([number]) for number in (*band, truth))
        lower, upper = (np.array([np.nan if bound is None else bound]) for bound in interval)
        self._move_levels(step, target, value, lower, upper)
        self._add_scores(step, target, low - value, value - high)

    def summary(self) -> CoverageSummary:
        """Return the nominal and the observed coverage."""
        truths = int(self.truths.sum())
        observed = float(self.inside.sum() / truths) if truths else None
        return {"nominal": self.coverage, "observed": observed, "truths": truths}

    def to_bytes(self) -> bytes:
        """Return what was learned, as an npz file."""
        file = io.BytesIO()
        np.savez_compressed(
            file,
            levels=self.levels,
            scores=self.scores,
            at=self.seen,
            inside=self.inside,
            judged=self.truths,
        )
        return file.getvalue()

    def restore(self, stored: bytes) -> bool:
        """Restore what ``to_bytes`` returned, if it is of the same steps and targets.

        Scores of another memory are kept as far as they fit.

        Returns:
            Whether it was restored.
        """
        arrays = read_arrays(stored, "calibration.npz")
        if arrays["at"].shape != self.seen.shape:
            return False
        self.levels, self.inside, self.truths = arrays["levels"], arrays["inside"], arrays["judged"]
        scores = arrays["scores"]
        for step, target in np.ndindex(self.seen.shape):
            count = min(int(arrays["at"][step, target]), scores.shape[-1])
            oldest = int(arrays["at"][step, target]) % scores.shape[-1] if count == scores.shape[-1] else 0
            in_order = np.roll(scores[:, step, target, :count], -oldest, axis=-1)
            self._add_scores(step, target, *in_order)
        return True

    def _update_together(
        self,
        low: np.ndarray,
        high: np.ndarray,
        truth: np.ndarray,
        given: tuple[np.ndarray, np.ndarray] | None,
    ) -> None:
        """Learn from a block without a missing truth: for all steps and targets at once what ``update`` does for each.

        The windows come last, so that numpy adds up the misses of a step in the same order as for a step alone.
        """
        low, high, truth = (np.ascontiguousarray(part.transpose(1, 2, 0)) for part in (low, high, truth))
        count = truth.shape[-1]
        if given is not None:
            lower, upper = (np.ascontiguousarray(part.transpose(1, 2, 0)) for part in given)
            missed = truth < lower, truth > upper
            for tail, misses in enumerate(missed):
                moved = self.levels[tail] + self.rate * (self.miss - misses).sum(axis=-1)
                self.levels[tail] = np.clip(moved, 0.0, 1.0)
            self.truths += count
            self.inside += (~missed[0] & ~missed[1]).sum(axis=-1)
        first = int(self.seen[0, 0])
        self._make_room(min(self.memory, first + count))
        index = (first + np.arange(count))[-self.memory :] % self.memory
        self.scores[0][..., index] = (low - truth)[..., -self.memory :]
        self.scores[1][..., index] = (truth - high)[..., -self.memory :]
        self.seen += count
        self._margins = None

    def _move_levels(
        self, step: int, target: int, truth: np.ndarray, lower: np.ndarray, upper: np.ndarray
    ) -> None:
        has_interval = ~(np.isnan(lower) | np.isnan(upper))
        below, above = (truth < lower)[has_interval], (truth > upper)[has_interval]
        for tail, missed in enumerate((below, above)):
            level = self.levels[tail, step, target] + self.rate * float((self.miss - missed).sum())
            self.levels[tail, step, target] = min(max(level, 0.0), 1.0)
        self.truths[step, target] += int(has_interval.sum())
        self.inside[step, target] += int((~below & ~above).sum())

    def _add_scores(self, step: int, target: int, below: np.ndarray, above: np.ndarray) -> None:
        count = len(below)
        self._make_room(min(self.memory, int(self.seen[step, target]) + count))
        index = (self.seen[step, target] + np.arange(count))[-self.memory :] % self.memory
        self.scores[0, step, target, index] = below[-self.memory :]
        self.scores[1, step, target, index] = above[-self.memory :]
        self.seen[step, target] += count
        self._margins = None

    def _make_room(self, needed: int) -> None:
        """Make room for as many scores of each step and target."""
        size = self.scores.shape[-1]
        if needed > size:
            more = min(self.memory, max(needed, 2 * size)) - size
            room = np.full((*self.scores.shape[:-1], more), np.nan, np.float32)
            self.scores = np.concatenate([self.scores, room], axis=-1)


def create_intervals(
    horizon: int, targets: int, options: IntervalOptions, calibration: bytes | None = None
) -> AdaptiveIntervals:
    """Create intervals that start with the scores of a calibration, if it fits, or with none.

    Args:
        horizon: Number of steps H.
        targets: Number of targets T.
        options: Coverage, rate and memory.
        calibration: What ``AdaptiveIntervals.to_bytes`` returned for the same model.
    """
    arguments = {"coverage": options.coverage, "rate": options.rate}
    intervals = AdaptiveIntervals(horizon, targets, memory=options.memory, **arguments)
    if calibration is not None:
        calibrated = AdaptiveIntervals(horizon, targets, memory=options.memory, **arguments)
        if calibrated.restore(calibration):
            calibrated.levels[:] = intervals.levels
            calibrated.inside[:] = calibrated.truths[:] = 0
            return calibrated
    return intervals
