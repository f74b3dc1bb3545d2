"""What a forecaster leans on: how much its error rises when a feature, or a stretch of time back, is shuffled."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tsforecast.data.calendar_features import CALENDAR
from tsforecast.data.dataset import ForecastDataset
from tsforecast.data.windows import Windows
from tsforecast.errors import UserError
from tsforecast.inference.predict import forecast
from tsforecast.metrics import point_metrics

BLOCKS = (
    1,
    5,
    15,
    30,
    60,
    100,
)  # the last step back of each block of time; longer windows double on from there


def explain(
    model: Any, dataset: ForecastDataset, *, windows: int, repeats: int, seed: int, split: str = "test"
) -> dict[str, Any]:
    """Permutation importance of each feature and of each block of time back.

    A sample of windows is forecast again and again with one part of the inputs taken from other windows of the sample:
    a feature's whole history (the steps stay together, and sine and cosine of one calendar period do), or all features
    of one block of steps. The truths stay, so what is measured is the error that losing this part brings.

    Args:
        model: any forecaster.
        dataset: the data.
        windows: at most so many, evenly spaced over the split; at least 2.
        repeats: permutations, at least 1; each is used for every part, so that parts are compared on the same ones.
        seed: of the permutations.
        split: train, val or test.

    Returns:
        ``windows``, ``repeats``, ``rmse`` (unshuffled, in the target's unit), and two lists of parts, the features by
        falling rise and the blocks from the newest on: ``features`` with ``feature``, ``blocks`` with ``first`` and
        ``last`` (steps back, 1 is the last input), both with ``rise`` (mean rise of the RMSE in the target's unit) and
        ``spread`` (its standard deviation over the repeats; None for one repeat).

    Raises:
        UserError: the split has a single window.

    Source: Fisher, Rudin & Dominici (2019), "All models are wrong, but many are useful", model reliance as a
        difference; joint permutation of a history, as steps of one feature are no features of their own.
    """
    sample = _Sample(model, dataset, dataset.windows(split, limit=windows))
    count = len(sample.past)
    if count < 2:
        raise UserError(
            "report.explain shuffles windows, and there is only one: give more rows to data.split.test."
        )
    orders = [np.random.default_rng([seed, repeat]).permutation(count) for repeat in range(repeats)]
    base = sample.rmse(sample.past)

    def importance(steps: slice, columns: Sequence[int]) -> dict[str, float | None]:
        rises = [sample.rmse(shuffled(sample.past, order, steps, columns)) - base for order in orders]
        return {
            "rise": float(np.mean(rises)),
            "spread": float(np.std(rises, ddof=1)) if repeats > 1 else None,
        }

    lookback, channels = sample.past.shape[1:]
    features = [
        {"feature": name, **importance(slice(None), columns)}
        for name, columns in feature_groups(dataset.channels).items()
    ]
    blocks = [
        {
            "first": first,
            "last": last,
            **importance(slice(lookback - last, lookback - first + 1), range(channels)),
        }
        for first, last in time_blocks(lookback)
    ]
    return {
        "windows": count,
        "repeats": repeats,
        "rmse": base,
        "features": sorted(features, key=lambda part: -part["rise"]),
        "blocks": blocks,
    }


def feature_groups(channels: Sequence[str]) -> dict[str, list[int]]:
    """The channels that are shuffled together, by the name shown.

    Sine and cosine of one calendar period are one group; so are the values of a future covariate at all its steps
    ahead, apart from its history.
    """
    groups: dict[str, list[int]] = {}
    for index, channel in enumerate(channels):
        feature, ahead, _ = channel.partition("@+")
        name = feature.rsplit("_", 1)[0] if feature in CALENDAR else feature
        groups.setdefault(f"{name} (known ahead)" if ahead else name, []).append(index)
    return groups


def time_blocks(lookback: int) -> list[tuple[int, int]]:
    """First and last step back of each block, from the newest: (1, 1), (2, 5), ... up to ``lookback``."""
    return list(_blocks(lookback))


def _blocks(lookback: int) -> Iterator[tuple[int, int]]:
    first, place, last = 1, 0, 0
    while first <= lookback:
        last = BLOCKS[place] if place < len(BLOCKS) else 2 * last
        yield first, min(last, lookback)
        first, place = last + 1, place + 1


def shuffled(past: np.ndarray, order: np.ndarray, steps: slice, columns: Sequence[int]) -> np.ndarray:
    """A copy of the inputs ``[n, L, C]`` in which ``steps`` of ``columns`` are those of window ``order[i]``."""
    changed, columns = past.copy(), list(columns)
    changed[:, steps, columns] = past[order, steps][..., columns]
    return changed


def stored_windows(past: np.ndarray, like: Windows) -> Windows:
    """Windows whose inputs are ``past`` ``[n, L, C]``, laid one after the other; for forecasting alone: no truths."""
    count, lookback, channels = past.shape
    return Windows(
        rows=past.reshape(count * lookback, channels),
        truths=np.empty((0, like.truths.shape[1]), np.float32),
        ends=np.arange(1, count + 1, dtype=np.int64) * lookback - 1,
        lookback=lookback,
        lead=like.lead,
        horizon=like.horizon,
        border=(0, count * lookback),
    )


class _Sample:
    """The windows to explain a model on, and its error on changed copies of them."""

    def __init__(self, model: Any, dataset: ForecastDataset, windows: Windows):
        self.model, self.scaler, self.windows = model, dataset.scaler, windows
        self.past = windows.inputs(windows.ends)
        self.truth = self.scaler.inverse_targets(windows.targets(windows.ends))

    def rmse(self, past: np.ndarray) -> float:
        """The RMSE in the target's unit of the point forecasts from these inputs."""
        values, levels = (
            forecast(self.model, stored_windows(past, self.windows)),
            self.model.task.quantile_levels,
        )
        point = values if levels is None else values[..., levels.index(0.5)]
        return point_metrics(self.truth, self.scaler.inverse_targets(point))["rmse"]
