"""A backtest: at each origin a model that knows only the rows before it, scored on the block of forecasts after it."""

from __future__ import annotations

import dataclasses
import itertools
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tsforecast.data.batches import steps_per_epoch
from tsforecast.data.dataset import ForecastDataset
from tsforecast.data.origins import Origin, rolling_origins, split_at_origin
from tsforecast.data.panel_origins import panel_origins, select_ids
from tsforecast.data.series import Series
from tsforecast.data.splits import Borders
from tsforecast.errors import UserError
from tsforecast.evaluation.backtest_result import (
    ERRORS,
    FIGURES,
    FORECASTS,
    BacktestSummary,
    origin_line,
    read_origin,
    save_forecasts,
)
from tsforecast.metrics.window_errors import WindowErrors
from tsforecast.models.io import load_model, save_model
from tsforecast.tracking.run_folder import RunFolder

if TYPE_CHECKING:
    from tsforecast.evaluation.options import SpikeOptions
    from tsforecast.evaluation.provenance import Provenance
    from tsforecast.models.protocol import Model

BuildDataset = Callable[[Series, Mapping[str, object] | np.ndarray], ForecastDataset]


class Train(Protocol):
    """Trains a model into a folder and returns how the training ended, for the result."""

    def __call__(
        self, dataset: ForecastDataset, model: Model, folder: RunFolder, *, best: float, max_steps: int | None
    ) -> dict[str, Any]:
        """Train a model.

        Args:
            dataset: Training and validation windows.
            model: The model, with the weights to start from.
            folder: Folder for the best model and the state.
            best: Validation loss of a model that the folder already contains; infinity for none.
            max_steps: Updates to do; None for the budget of the config.
        """


@dataclasses.dataclass(frozen=True, kw_only=True)
class Backtest:
    """Trains and scores a model at each origin, in a folder of its own.

    Args:
        series: All rows.
        origins: The origins, in order of time.
        refit: ``none`` trains at the first origin only, ``warm`` continues from the weights of the origin before, and
            ``full`` starts again at each origin.
        warm_steps: Updates at each origin after the first, for ``warm``.
        folder: Folder of the backtest.
        build_dataset: Returns the data set of a series under a split.
        build_model: Returns an untrained model for a data set.
        train: Trains a model.
        validate: Returns the validation loss of a model.
        spikes: Options of the spike scorecard, None for none.
    """

    series: Series
    origins: tuple[Origin, ...]
    refit: str
    warm_steps: int
    folder: Path
    build_dataset: BuildDataset
    build_model: Callable[[ForecastDataset], Model]
    train: Train
    validate: Callable[[Model, ForecastDataset], float]
    spikes: SpikeOptions | None

    def origin_folder(self, origin: Origin) -> RunFolder:
        """Return the folder of one origin."""
        return RunFolder(self.folder / "origins" / f"{origin.number:03}")

    def pending_origins(self) -> Iterator[Origin]:
        """Yield the origins that have not finished yet."""
        for origin in self.origins:
            if not (self.origin_folder(origin).path / FIGURES).is_file():
                yield origin

    def run(self, origin: Origin) -> dict[str, Any]:
        """Train for one origin if it is due, score its block, and store and return the figures."""
        from tsforecast.evaluation.scores import score_model

        began = time.monotonic()
        folder = RunFolder.create(self.origin_folder(origin).path)
        dataset = build_origin_dataset(self.series, self.origins, origin, self.refit, self.build_dataset)
        known_until = origin.known_until(self.series)
        print(
            f"Origin {origin.number} of {len(self.origins)}: known until {known_until},"
            f" {origin.windows:,} forecasts",
            flush=True,
        )
        training = self._train(dataset, origin)
        source = self.origins[0] if training["how"] == "kept" else origin
        model = load_model(self.origin_folder(source).best)
        scores = score_model(model, dataset, self.spikes)
        test = scores.test
        ends = origin.rows_of_all(test.ends, self.series)
        WindowErrors.from_forecasts(ends, test.truth, test.forecast).save(folder.path / ERRORS)
        save_forecasts(folder.path / FORECASTS, scores, ends)
        figures = {
            "origin": origin.number,
            "known_until": known_until,
            "rows": {"train": list(origin.train), "val": list(origin.val), "test": list(origin.test)},
            "windows": origin.windows,
            "params": model.count_params(),
            "users_estimate": model.nominal_params,
            **{name: value for name, value in scores.to_fields().items() if value is not None},
            "training": training,
            "seconds": time.monotonic() - began,
        }
        folder.write_json(FIGURES, figures)
        folder.last.unlink(missing_ok=True)  # only useful inside this origin's training
        print(origin_line(figures, self.series.unit), flush=True)
        return read_origin(folder.path)

    def summarize(self, model: str, provenance: Provenance) -> BacktestSummary:
        """Return the figures of all origins, which must be finished.

        Args:
            model: Name of the model.
            provenance: What the figures depend on.
        """
        folders = [self.origin_folder(origin).path for origin in self.origins]
        return BacktestSummary.from_origins(folders, self.refit, model, provenance)

    def _train(self, dataset: ForecastDataset, origin: Origin) -> dict[str, Any]:
        """Train the origin's model into its folder, unless the first one's is kept; return how."""
        folder = self.origin_folder(origin)
        if origin.number == 1 or self.refit == "full":
            model = self.build_model(dataset)
            outcome = self.train(dataset, model, folder, best=math.inf, max_steps=None)
            return {"how": "from scratch", **outcome}
        if self.refit == "none":
            return {"how": "kept"}
        before = self.origins[origin.number - 2]
        model = load_model(self.origin_folder(before).best)
        # The weights before stay if training finds none better. If it has begun, its state knows the best.
        if not folder.last.is_file():
            save_model(model, folder.best)
        best = self.validate(model, dataset)
        recent = split_at_origin(dataset, origin, new_rows(origin, before, dataset.window))
        return {
            "how": "warm",
            **self.train(recent, model, folder, best=best, max_steps=self.warm_steps),
        }


def plan_origins(
    whole: ForecastDataset, series: Series, split: Mapping[str, object], count: int
) -> tuple[Series, Borders | np.ndarray, tuple[Origin, ...]]:
    """Return the origins of a backtest, the series that it uses, and the rows of their splits.

    Args:
        whole: The data under ``split``.
        series: All rows, as they were loaded.
        split: ``data.split``.
        count: Number of origins.

    Raises:
        UserError: The test split cannot be cut into so many blocks, or nothing is left to train on.
    """
    if whole.ranges is None:
        val_rows = whole.borders[1][1] - whole.borders[1][0]
        return series, whole.borders, rolling_origins(whole.windows("test"), count, val_rows)
    left, origins = panel_origins(whole, split, count)
    selected = select_ids(series, left.series)
    if left is not whole:
        print(f"  {selected.notes[-1]}", flush=True)
    return selected, left.parts, origins


def new_rows(origin: Origin, before: Origin, window: Mapping[str, int]) -> tuple[int, int]:
    """Return the rows of warm training: those that came since the origin before."""
    return origin.since(before, window["lookback"] + window["lead"] - 1)


def build_origin_dataset(
    series: Series, origins: Sequence[Origin], origin: Origin, refit: str, build_dataset: BuildDataset
) -> ForecastDataset:
    """Return the data up to the end of an origin's block, scaled by the rows that the weights were first trained on.

    Weights that are kept or trained further need the scaling they began with; a model trained from scratch has its own.

    Args:
        series: All rows.
        origins: All origins.
        origin: One of them.
        refit: See `Backtest`.
        build_dataset: Returns the data set of a series under a split.
    """
    known, rows = origin.split(series, None if refit == "full" else origins[0])
    return split_at_origin(build_dataset(known, rows), origin)


def check_refit(
    model: Model, dataset: ForecastDataset, origins: Sequence[Origin], refit: str, batch_size: int
) -> None:
    """Refuse, before anything is trained, what a later origin would refuse.

    Args:
        model: The untrained model.
        dataset: Data of the first origin.
        origins: All origins.
        refit: See `Backtest`.
        batch_size: Windows per batch.

    Raises:
        UserError: The model cannot be trained that way, or an origin has too few windows to train on.
    """
    from tsforecast.models.estimator import Estimator

    if isinstance(model, Estimator) and refit == "warm":
        raise UserError(
            f"backtest.refit=warm continues from a model's weights, and {model.name} can only be fitted from scratch:"
            " use backtest.refit=full or none."
        )
    if not model.trains_in_batches:
        return
    steps_per_epoch(dataset.windows("train"), batch_size)
    for before, origin in itertools.pairwise(origins if refit == "warm" else ()):
        rows = new_rows(origin, before, dataset.window)
        count = len(split_at_origin(dataset, origin, rows).windows("train"))
        if count < batch_size:
            raise UserError(
                f"backtest.refit=warm has {count} new windows to train on at origin {origin.number}, and"
                f" training.batch_size is {batch_size}: give fewer backtest.origins, or a batch of at most {count}."
            )
