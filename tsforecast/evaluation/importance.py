"""What a forecaster depends on: how much its error rises when a feature, or a block of past steps, is shuffled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tsforecast.context.summaries import CONTEXT
from tsforecast.data.calendar_features import CALENDAR
from tsforecast.data.dataset import ForecastDataset
from tsforecast.data.scaling import OBSERVED, Scaler, SeriesScaler
from tsforecast.data.windows import Windows
from tsforecast.errors import UserError
from tsforecast.inference.predict import forecast
from tsforecast.metrics import point_metrics
from tsforecast.stages import stage

if TYPE_CHECKING:
    from tsforecast.inference.metadata import ModelMetadata
    from tsforecast.models.protocol import Model

# The last step back of each block; in longer windows each further block ends twice as far back.
BLOCKS = (1, 5, 15, 30, 60, 100)


@stage("importance")
def explain(
    model: Model, dataset: ForecastDataset, *, windows: int, repeats: int, seed: int, split: str = "test"
) -> dict[str, Any]:
    """Measure the permutation importance of each feature and of each block of past steps.

    A sample of windows is forecast repeatedly with one part of the inputs taken from other windows of the sample: a
    feature's whole history (its steps stay together, as do sine and cosine of one calendar period), or all features
    of one block of steps. The truths stay, so the result is the error that losing this part causes.

    Args:
        model: Any forecaster.
        dataset: The data.
        windows: Largest number of windows, evenly spaced over the split; at least 2.
        repeats: Number of permutations, at least 1; all parts are compared on the same ones.
        seed: Random seed of the permutations.
        split: ``train``, ``val`` or ``test``.

    Returns:
        ``windows``, ``repeats``, ``rmse`` (without shuffling, in the target's unit), and two lists of parts, the
        features by falling rise and the blocks from the newest on: ``features`` with ``feature``, ``blocks`` with
        ``first`` and ``last`` (steps back, 1 is the last input), both with ``rise`` (mean rise of the RMSE in the
        target's unit) and ``spread`` (its standard deviation over the repeats; None for one repeat).

    Raises:
        UserError: The split has a single window.

    Source:
        Fisher, Rudin & Dominici (2019), "All models are wrong, but many are useful", model reliance as a difference;
        a history is permuted jointly, as the steps of one feature are not features of their own.
    """
    chosen = dataset.windows(split, limit=windows)
    scaler = dataset.scaler_of(chosen.ends)
    past, truth = chosen.inputs(chosen.ends), scaler.inverse_targets(chosen.targets(chosen.ends))
    if len(past) < 2:
        raise UserError(
            "report.explain shuffles windows, and there is only one: give more rows to data.split.test."
        )
    return explain_windows(
        model,
        past,
        truth,
        channels=dataset.channels,
        scaler=scaler,
        like=chosen,
        repeats=repeats,
        seed=seed,
    )


def explain_windows(
    model: Model,
    past: np.ndarray,
    truth: np.ndarray,
    *,
    channels: Sequence[str],
    scaler: Scaler | SeriesScaler,
    like: Windows | ModelMetadata,
    repeats: int,
    seed: int,
) -> dict[str, Any]:
    """Measure the permutation importance on given windows; see `explain`.

    Args:
        model: Any forecaster.
        past: Scaled inputs ``[n, L, C]``, n at least 2.
        truth: Truths ``[n, H, T]`` in the targets' unit, NaN where unobserved.
        channels: Names of the C channels.
        scaler: Scaler of the model.
        like: Has the lead and the horizon of the windows.
        repeats: Number of permutations.
        seed: Random seed of the permutations.
    """
    sample, count = _Sample(model, scaler, past, truth, like), len(past)
    orders = [np.random.default_rng([seed, repeat]).permutation(count) for repeat in range(repeats)]
    base = sample.rmse(sample.past)

    def importance(steps: slice, columns: Sequence[int]) -> dict[str, float | None]:
        rises = [sample.rmse(shuffle_inputs(sample.past, order, steps, columns)) - base for order in orders]
        return {
            "rise": float(np.mean(rises)),
            "spread": float(np.std(rises, ddof=1)) if repeats > 1 else None,
        }

    lookback, width = past.shape[1:]
    features = [
        {"feature": name, **importance(slice(None), columns)}
        for name, columns in feature_groups(channels).items()
    ]
    blocks = [
        {
            "first": first,
            "last": last,
            **importance(slice(lookback - last, lookback - first + 1), range(width)),
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
    """Return the channels that are shuffled together, by the name to show.

    Sine and cosine of one calendar period are one group; so are the values of a future covariate at all its steps
    ahead, apart from its history, and so are its observed mask and all summaries of its context.

    Example:
        >>> feature_groups(["load", "price", "price@+1", "price@+2"])
        {'load': [0], 'price': [1], 'price (known ahead)': [2, 3]}
    """
    groups: dict[str, list[int]] = {}
    for index, channel in enumerate(channels):
        if channel.endswith(OBSERVED):
            groups[f"{channel.removesuffix(OBSERVED)} (observed or not)"] = [index]
            continue
        if CONTEXT in channel:
            groups.setdefault(f"{channel.partition(CONTEXT)[0]} (context)", []).append(index)
            continue
        feature, ahead, _ = channel.partition("@+")
        name = feature.rsplit("_", 1)[0] if feature in CALENDAR else feature
        groups.setdefault(f"{name} (known ahead)" if ahead else name, []).append(index)
    return groups


def time_blocks(lookback: int) -> list[tuple[int, int]]:
    """Return first and last step back of each block, from the newest.

    Example:
        >>> time_blocks(20)
        [(1, 1), (2, 5), (6, 15), (16, 20)]
    """
    return list(_blocks(lookback))


def _blocks(lookback: int) -> Iterator[tuple[int, int]]:
    first, index, last = 1, 0, 0
    while first <= lookback:
        last = BLOCKS[index] if index < len(BLOCKS) else 2 * last
        yield first, min(last, lookback)
        first, index = last + 1, index + 1


def shuffle_inputs(past: np.ndarray, order: np.ndarray, steps: slice, columns: Sequence[int]) -> np.ndarray:
    """Return a copy of the inputs ``[n, L, C]`` in which ``steps`` of ``columns`` are those of window ``order[i]``."""
    changed, columns = past.copy(), list(columns)
    changed[:, steps, columns] = past[order, steps][..., columns]
    return changed


def concatenate_windows(past: np.ndarray, like: Windows | ModelMetadata) -> Windows:
    """Return windows with the inputs ``past`` ``[n, L, C]``, one after the other, to be forecast: without truths."""
    count, lookback, channels = past.shape
    return Windows(
        rows=past.reshape(count * lookback, channels),
        truths=np.empty((0, 1), np.float32),
        ends=np.arange(1, count + 1, dtype=np.int64) * lookback - 1,
        lookback=lookback,
        lead=like.lead,
        horizon=like.horizon,
        border=(0, count * lookback),
    )


class _Sample:
    """The windows that a model is explained on, and its error on changed copies of them."""

    def __init__(
        self,
        model: Model,
        scaler: Scaler | SeriesScaler,
        past: np.ndarray,
        truth: np.ndarray,
        like: Windows | ModelMetadata,
    ):
        self.model, self.scaler, self.past, self.truth, self.like = model, scaler, past, truth, like

    def rmse(self, past: np.ndarray) -> float:
        """Return the RMSE, in the target's unit, of the point forecasts from these inputs."""
        values = forecast(self.model, concatenate_windows(past, self.like))
        levels = self.model.task.quantile_levels
        point = values if levels is None else values[..., levels.index(0.5)]
        return point_metrics(self.truth, self.scaler.inverse_targets(point))["rmse"]
