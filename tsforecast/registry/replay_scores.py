"""The scores of a replayed day: its forecasts by today's champion and by the first one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsforecast.errors import UserError
from tsforecast.registry.new_rows import check_numbered, steps_after
from tsforecast.registry.retraining import Recipe, build_recent_dataset
from tsforecast.registry.retraining_splits import RecentSplit

if TYPE_CHECKING:
    from tsforecast.data.dataset import ForecastDataset
    from tsforecast.data.scaling import Scaler
    from tsforecast.data.series import Series
    from tsforecast.evaluation.evaluate import Evaluation
    from tsforecast.models.protocol import Model
    from tsforecast.registry.store import Registry, Version


class Models:
    """The first champion and today's, each loaded and compiled once.

    Args:
        first: The first champion.
    """

    def __init__(self, first: Version):
        self.first, self._loaded = first, dict[str, "Model"]()

    def load(self, version: Version) -> Model:
        """Return the model of one of the two; others are released."""
        from tsforecast.models.io import load_model

        names = (self.first.name, version.name)
        self._loaded = {name: model for name, model in self._loaded.items() if name in names}
        if version.name not in self._loaded:
            self._loaded[version.name] = load_model(version.model)
        return self._loaded[version.name]


def score_day(
    recipe: Recipe, registry: Registry, models: Models, stop: int, day: int
) -> dict[str, Evaluation] | None:
    """Score the forecasts of the day that ends before row ``stop``, by today's champion and by the first one.

    Args:
        recipe: Recipe of the first champion, with rows up to that row.
        registry: Registry of the replay.
        models: Loaded models.
        stop: First row after the day; of many series, steps of their ends after those of the first champion's data.
        day: Rows of a day.

    Returns:
        ``without`` and ``with`` retraining, or None if the source has no such rows.
    """
    try:
        series = recipe.load_series()
    except UserError:  # some sources refuse to give more rows than they have
        return None
    data = models.first.result()["data"]
    check_numbered(series, models.first.name, data)
    if count_rows(series, data) < stop:
        return None
    series = _reaching(series, data, stop)
    recipe.initialize()

    from tsforecast.data.scaling import Scaler
    from tsforecast.evaluation.evaluate import evaluate

    scores: dict[str, Evaluation] = {}
    for name, version in (("without", models.first), ("with", registry.champion())):
        if version.name == models.first.name and scores:
            scores[name] = scores["without"]
            continue
        model = models.load(version)
        dataset = _newest_rows(recipe, series, Scaler.from_dict(model.metadata["scaler"]), day)
        scores[name] = evaluate(model, dataset, "test")
    return scores


def count_rows(series: Series, data: dict[str, Any]) -> int:
    """Return the number of rows; of many series, the most steps that one ends after those of a champion's data."""
    return len(series) if series.panel is None else int(steps_after(series, data).max())


def _reaching(series: Series, data: dict[str, Any], stop: int) -> Series:
    """Return the series whose rows reach the end of a day, where times number steps: the newest of others are older."""
    panel = series.panel
    if panel is None or panel.has_clock:
        return series
    reach = np.maximum.reduceat(steps_after(series, data), panel.bounds[:-1])
    return series.select(np.repeat(reach >= stop, panel.lengths))


def _newest_rows(recipe: Recipe, series: Series, scaler: Scaler, day: int) -> ForecastDataset:
    """Return the last day as test split, with only the rows before that its forecasts depend on."""
    from tsforecast.ensemble.model import WARM_UP

    window = recipe.window
    before = WARM_UP * window.stride + 2 * window.lookback + window.lead + window.horizon + day
    if series.panel is not None:
        split = RecentSplit(before + series.season, day, day)
        return build_recent_dataset(recipe, split, series, scaler, use_all=False)
    newest = series.newest(2 * day + before + series.season + scaler.history)
    split_sizes = {"train": len(newest) - 2 * day, "val": day, "test": day}
    return recipe.build_dataset(newest, split_sizes, scaler)
