"""LightGBM on lags and window statistics."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import DTypeLike

from tsforecast.context.summaries import CONTEXT
from tsforecast.data.calendar_features import CALENDAR
from tsforecast.data.spikes import find_spikes, scaled_thresholds
from tsforecast.data.windows import Windows
from tsforecast.errors import UserError, install_hint
from tsforecast.models.estimator import Estimator
from tsforecast.models.protocol import ParameterRow
from tsforecast.models.task import Task
from tsforecast.options import Range
from tsforecast.untrusted.boosters import check_booster

if TYPE_CHECKING:
    from tsforecast.losses import Loss

MAX_BOOSTERS = 64
SMALL_TRAINING_SET = 20_000
CHUNK = 50_000  # windows whose features are computed at once
MAX_ROWS = (
    3_000_000  # between the first and the last window, over which means and extremes are computed at once
)
# Of the spike head: smaller trees, and half of the features for each, rank validation windows better than the
# settings of the forecast (docs/spikes.md).
CLASSIFIER = {"objective": "binary", "num_leaves": 63, "learning_rate": 0.05, "feature_fraction": 0.5}
MAX_WINDOWS = 2_000_000  # of a split, evenly spaced, to fit on: their features take 4 bytes each in memory
OBJECTIVES = {  # objectives of LightGBM by class of the loss
    "SquaredError": "regression",
    "AbsoluteError": "regression_l1",
    "Huber": "huber",
    "Quantile": "quantile",
}


class LightGBM(Estimator):
    """Gradient-boosted trees, one booster for each step of the horizon, target and quantile level.

    The features of a window are the newest value of every channel; for channels other than the calendar, lags and
    means over the newest steps; for targets also minimum, maximum and standard deviation over them. Newest value and
    lags of codes of categories are LightGBM's own categorical features. The trees learn the change from the last known
    value. With a spike head, one more booster for each step and target is a classifier on the same features: it learns
    by cross-entropy whether the target is then above its last known value by more than the threshold in the metadata.

    Args:
        task: Inputs and outputs of the model.
        lags: Steps back from the last input; lags beyond the window are ignored.
        spans: Lengths in steps of the spans that the statistics cover; spans beyond the window are ignored.
        leaves: Largest number of leaves in a tree, at least 2.
        learning_rate: Shrinkage of each tree, above 0.
        rounds: Largest number of trees.
        patience: Rounds without a better validation score before stopping.
        min_leaf: Smallest number of training windows in a leaf.
        spike_head: Whether to also forecast the odds of a spike; the forecast of the value stays the same.

    Raises:
        UserError: LightGBM is not installed, or the task needs more than ``MAX_BOOSTERS`` boosters.

    Source: Ke et al. (2017), LightGBM; direct multi-step forecasting as in Ben Taieb et al. (2012).

    Example:
        >>> task = Task(lookback=20, channels=3, lead=1, horizon=4, target_indices=(0,))
        >>> LightGBM(task, lags=[1, 5, 30], spans=[5]).lags  # of the last 20 steps
        [1, 5]
    """

    def __init__(
        self,
        task: Task,
        lags: Sequence[int] = (1, 2, 3, 5, 10, 15, 20, 30, 45, 60, 80, 99),
        spans: Sequence[int] = (5, 10, 15, 30, 60, 100),
        leaves: Annotated[int, Range(2, 131_072)] = 127,
        learning_rate: Annotated[float, Range(1e-12, 10.0)] = 0.08,
        rounds: Annotated[int, Range(1)] = 1000,
        patience: Annotated[int, Range(1)] = 50,
        min_leaf: Annotated[int, Range(1)] = 100,
        spike_head: bool = False,
    ):
        options: dict[str, Any] = {
            "lags": list(lags),
            "spans": list(spans),
            "leaves": leaves,
            "learning_rate": learning_rate,
            "rounds": rounds,
            "patience": patience,
            "min_leaf": min_leaf,
        }
        if spike_head:  # files without one stay as they were
            options["spike_head"] = True
        super().__init__(task, options)
        boosters = len(self._heads()) + len(self._spike_heads())
        if boosters > MAX_BOOSTERS:
            per = "step, target and quantile level" + (", and for the spike head" if spike_head else "")
            raise UserError(
                f"lightgbm needs a booster for each {per}, {boosters} here and at most"
                f" {MAX_BOOSTERS}: shorten window.horizon, or choose another model."
            )
        _library()
        self.boosters: list[Any] = []
        self.spike_boosters: list[Any] = []

    def fit(self, train: Windows, val: Windows, *, seed: int, loss: Loss, log: Callable[[str], None]) -> int:
        """Fit one booster after the other; each stops by the loss on the validation windows."""
        objective = choose_objective(type(loss).__name__, self.task.quantile_levels)
        self.check(loss)
        for name, windows in (("training", train), ("validation", val)):
            if len(windows) > MAX_WINDOWS:
                log(f"LightGBM uses {MAX_WINDOWS:,} of {len(windows):,} {name} windows, evenly spaced.")
        parts = [_Part(self, windows.limited(MAX_WINDOWS)) for windows in (train, val)]
        self.boosters, self.spike_boosters = [], []
        for step, target, level in self._heads():
            labels = [part.truths[:, step, target] - part.origins[:, target] for part in parts]
            alpha = getattr(loss, "delta", 1.0) if level is None else level
            booster = self._fit_booster(parts, labels, {"objective": objective, "alpha": alpha, "seed": seed})
            self.boosters.append(booster)
            log(f"{self._label(step, target, level)}: {booster.num_trees()} trees")
        for step, target in self._spike_heads():
            labels = [self._label_spikes(part)[:, step, target] for part in parts]
            booster = self._fit_booster(parts, labels, {**CLASSIFIER, "seed": seed})
            self.spike_boosters.append(booster)
            log(f"{self._label(step, target, None)} spike: {booster.num_trees()} trees")
        return max(booster.num_trees() for booster in (*self.boosters, *self.spike_boosters))

    def _fit_booster(
        self, parts: Sequence[_Part], labels: Sequence[np.ndarray], params: dict[str, Any]
    ) -> Any:
        """Return a booster of training windows, cut where the loss on the validation windows was lowest.

        Args:
            parts: Training and validation windows.
            labels: What to learn from each of them ``[n]``, NaN where it is not known.
            params: Objective, seed and other parameters of LightGBM.
        """
        lightgbm, sets = _library(), list[Any]()
        for part, label in zip(parts, labels, strict=True):
            known = np.isfinite(label)
            sets.append(
                lightgbm.Dataset(
                    part.features[known],
                    label[known],
                    weight=None if part.weights is None else part.weights[known],
                    reference=sets[0] if sets else None,
                    categorical_feature=self.categorical_features or "auto",
                    params={"verbose": -1},
                )
            )
        booster = lightgbm.train(
            {
                "num_leaves": self.options["leaves"],
                "learning_rate": self.options["learning_rate"],
                "min_data_in_leaf": self.options["min_leaf"],
                **params,
                # 0: all. On little data threads wait for each other longer than they work.
                "num_threads": 1 if len(parts[0].features) < SMALL_TRAINING_SET else 0,
                "deterministic": True,
                "force_row_wise": True,
                "verbose": -1,
            },
            sets[0],
            num_boost_round=self.options["rounds"],
            valid_sets=sets[1:],
            callbacks=[lightgbm.early_stopping(self.options["patience"], verbose=False)],
        )
        return lightgbm.Booster(model_str=booster.model_to_string(num_iteration=booster.best_iteration))

    def _label_spikes(self, part: _Part) -> np.ndarray:
        """Return 1 for spikes, 0 for other truths, and NaN for unobserved ones, ``[n, H, T]``."""
        scaled = self.metadata["spike"]["threshold_scaled"]
        spikes = find_spikes(self.metadata, scaled, part.truths, part.origins[:, None])
        return np.where(np.isfinite(part.truths), spikes, np.nan)

    def check(self, loss: Loss) -> None:
        choose_objective(type(loss).__name__, self.task.quantile_levels)
        if self.has_spike_head:
            scaled_thresholds(self.metadata, ", or model.spike_head=false")

    def forecast(self, windows: Windows) -> np.ndarray:
        """Return the forecasts float32 ``[n, H, T(, Q)]``; quantiles that cross are sorted."""
        return self.outputs(windows)["forecast"]

    def outputs(self, windows: Windows) -> dict[str, np.ndarray]:
        """Return ``forecast`` and, with a spike head, the logits ``spike`` ``[n, H, T]``."""
        shape = (len(windows), self.task.horizon, len(self.task.target_indices))
        out = np.empty((*shape, len(self.task.quantile_levels or [0.5])), np.float32)
        logits = np.empty(shape, np.float32)
        for first in range(0, len(windows), CHUNK):
            ends = windows.ends[first : first + CHUNK]
            rows = slice(first, first + len(ends))
            features = self.features(windows, ends)
            origin = windows.rows[ends][:, list(self.task.target_indices)]
            for (step, target, level), booster in zip(self._heads(), self.boosters, strict=True):
                index = (self.task.quantile_levels or (level,)).index(level)
                out[rows, step, target, index] = origin[:, target] + booster.predict(features)
            for (step, target), booster in zip(self._spike_heads(), self.spike_boosters, strict=True):
                logits[rows, step, target] = booster.predict(features, raw_score=True)
        forecast = out[..., 0] if self.task.quantile_levels is None else np.sort(out, axis=-1)
        return {"forecast": forecast, "spike": logits} if self.has_spike_head else {"forecast": forecast}

    def _all_features(self, windows: Windows) -> np.ndarray:
        """Return the features of all windows, in pieces if the rows between them are many."""
        if windows.ends[-1] - windows.ends[0] <= MAX_ROWS:
            return self.features(windows)
        pieces = np.array_split(windows.ends, -(-len(windows) // CHUNK))
        return np.concatenate([self.features(windows, ends) for ends in pieces])

    def features(self, windows: Windows, ends: np.ndarray | None = None) -> np.ndarray:
        """Return the features of windows, float32 ``[n, F]``; they depend on the inputs of the window only."""
        ends = windows.ends if ends is None else ends
        lookback, rows = self.task.lookback, windows.rows
        lagged = [*self.measured_channels, *self.changing_categories]
        columns = [rows[ends]] + [rows[ends - lag][:, lagged] for lag in self.lags]
        section = slice(ends.min() - lookback + 1, ends.max() + 1)
        positions = ends - section.start
        for span in self.spans:
            columns += [_mean(rows[section, i], span)[positions, None] for i in self.measured_channels]
            for i in self.task.target_indices:
                columns += [
                    values[positions, None] for values in _range_and_deviation(rows[section, i], span)
                ]
        return np.concatenate(columns, axis=1)

    @property
    def lags(self) -> list[int]:
        """The lags within the window."""
        return [lag for lag in self.options["lags"] if 0 < lag < self.task.lookback]

    @property
    def spans(self) -> list[int]:
        """The spans within the window."""
        return [span for span in self.options["spans"] if 1 < span <= self.task.lookback]

    @property
    def measured_channels(self) -> list[int]:
        """The channels whose lags and statistics are features: not the calendar, categories, constants, the context."""
        names = self.metadata.get("channels") or [""] * self.task.channels
        numbers, left_out = self.task.number_channels, {*CALENDAR, *self._constant_features()}
        return [
            i
            for i, name in enumerate(names)
            if name.split("@")[0] not in left_out and CONTEXT not in name and i in numbers
        ]

    @property
    def changing_categories(self) -> list[int]:
        """The channels of categories that may change from step to step."""
        constant, codes = self._constant_features(), self.task.category_channels
        if not constant:
            return codes
        return [i for i in codes if self.metadata["channels"][i].split("@")[0] not in constant]

    def _constant_features(self) -> set[str]:
        """Return the features that are constant within each of many series."""
        panel = self.metadata.get("panel") or {}
        return {*panel.get("static", ()), *([panel["name"]] if panel.get("name") else [])}

    @property
    def categorical_features(self) -> list[int]:
        """The features of a window that are codes of categories."""
        codes, measured = self.changing_categories, len(self.measured_channels)
        starts = [
            self.task.channels + lag * (measured + len(codes)) + measured for lag in range(len(self.lags))
        ]
        return self.task.category_channels + [
            start + index for start in starts for index in range(len(codes))
        ]

    def parameter_rows(self) -> list[ParameterRow]:
        """Return one row per booster; each leaf counts as a parameter."""
        labels = [self._label(*head) for head in self._heads()]
        labels += [f"{self._label(*head, None)} spike" for head in self._spike_heads()]
        rows: list[ParameterRow] = []
        for label, booster in zip(labels, (*self.boosters, *self.spike_boosters), strict=False):
            trees = booster.dump_model()["tree_info"]
            leaves = sum(tree["num_leaves"] for tree in trees)
            rows.append({"layer": label, "shape": f"{len(trees)} trees", "params": leaves})
        return rows

    def state(self) -> dict[str, Any]:
        """Return the boosters in LightGBM's own text format."""
        state = {"boosters": [booster.model_to_string() for booster in self.boosters]}
        if self.has_spike_head:
            state["spike_boosters"] = [booster.model_to_string() for booster in self.spike_boosters]
        return state

    def restore(self, state: dict[str, Any]) -> None:
        texts, spikes = state["boosters"], state.get("spike_boosters", [])
        if (len(texts), len(spikes)) != (len(self._heads()), len(self._spike_heads())):
            raise UserError(
                "A saved LightGBM model has another number of boosters than its task: train it again."
            )
        for text in (*texts, *spikes):
            check_booster(text, "A saved LightGBM model")
        self.boosters = [_library().Booster(model_str=text) for text in texts]
        self.spike_boosters = [_library().Booster(model_str=text) for text in spikes]

    @property
    def has_spike_head(self) -> bool:
        """Whether the odds of a spike are forecast too."""
        return bool(self.options.get("spike_head"))

    def _heads(self) -> list[tuple[int, int, float | None]]:
        levels = self.task.quantile_levels or (None,)
        return [(step, target, level) for step, target in self._steps() for level in levels]

    def _spike_heads(self) -> list[tuple[int, int]]:
        return self._steps() if self.has_spike_head else []

    def _steps(self) -> list[tuple[int, int]]:
        targets = range(len(self.task.target_indices))
        return [(step, target) for step in range(self.task.horizon) for target in targets]

    def _label(self, step: int, target: int, level: float | None) -> str:
        names = self.metadata.get("targets") or [f"target {i}" for i in range(len(self.task.target_indices))]
        ahead = f"{names[target]}+{self.task.lead + step}"
        return ahead if level is None else f"{ahead} q{level:g}"


class _Part:
    """Features, truths and last known values of the windows of a split."""

    def __init__(self, model: LightGBM, windows: Windows):
        self.features = model._all_features(windows)
        self.truths, self.weights = windows.targets(windows.ends), windows.weights()
        self.origins = windows.rows[windows.ends][:, list(model.task.target_indices)]


def _mean(values: np.ndarray, span: int, dtype: DTypeLike = np.float32) -> np.ndarray:
    """Return the mean ``[N]`` of the newest ``span`` values; zero for the first ``span - 1``, which no window uses."""
    totals = np.cumsum(np.concatenate([[0.0], values.astype(np.float64)]))
    return _pad_front((totals[span:] - totals[:-span]) / span, len(values), dtype)


def _range_and_deviation(values: np.ndarray, span: int) -> list[np.ndarray]:
    """Return minimum, maximum and standard deviation ``[N]`` of the newest ``span`` values."""
    exact = values.astype(np.float64)
    variance = _mean(exact**2, span, np.float64) - _mean(exact, span, np.float64) ** 2
    extremes = [_pad_front(_extreme(values, span, pick), len(values)) for pick in (np.minimum, np.maximum)]
    return [*extremes, np.sqrt(np.maximum(variance, 0.0)).astype(np.float32)]


def _pad_front(values: np.ndarray, length: int, dtype: DTypeLike = np.float32) -> np.ndarray:
    return np.concatenate([np.zeros(length - len(values), dtype), values.astype(dtype)])


def _extreme(values: np.ndarray, span: int, pick: Callable[..., np.ndarray]) -> np.ndarray:
    """Return the extreme ``[N - span + 1]`` of every ``span`` neighbors, by doubling the reach."""
    reach, result = 1, values
    while 2 * reach <= span:
        result = pick(result[:-reach], result[reach:])
        reach *= 2
    return pick(result[: len(values) - span + 1], result[span - reach :]) if span > reach else result


def choose_objective(loss: str, levels: Sequence[float] | None) -> str:
    """Return the objective of LightGBM for a loss.

    Args:
        loss: Name of its class.
        levels: Quantile levels, or None.

    Raises:
        UserError: LightGBM has none for it.

    Example:
        >>> choose_objective("Huber", None)
        'huber'
    """
    objective = OBJECTIVES.get(loss)
    if objective is None or (objective == "quantile") != (levels is not None):
        raise UserError(
            "lightgbm learns with loss=mse, mae, huber, or quantile, and quantile levels with loss=quantile alone."
        )
    return objective


def _library() -> ModuleType:
    # By default, threads that wait for each other spin. Where another process has the core of one of them, the others
    # spin until it is scheduled, after each of thousands of short loops. OpenMP reads this when it is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        import lightgbm
    except ImportError as error:
        raise UserError(f"model=lightgbm needs LightGBM ({error}): {install_hint('lightgbm')}.") from error
    return lightgbm
