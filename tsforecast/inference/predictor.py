"""A saved forecaster made ready to be asked often: compiled once for a few batch sizes, in the unit of the targets."""

import functools
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tsforecast.inference.metadata import ModelMetadata

_TRIALS = 5  # calls of each way to compile, when the quicker one is sought


class Forecasts(NamedTuple):
    """What a forecaster says of n windows, in the targets' unit.

    Args:
        values: float64 ``[n, H, T]``, the point forecast (the median, with quantiles).
        low: ``[n, H, T]``, the lower edge of the model's own band: its lowest quantile, or the point forecast.
        high: the upper edge.
        quantiles: ``[n, H, T, Q]``, or None.
        spike: ``[n, H, T]``, the probability of a spike, or None without a head for it.
        weights: ``[n, M]``, an ensemble's weights of its members, or None.
        members: ``[n, M, H, T(, Q)]``, what its members say, scaled, where its weights follow the truths; else None.
    """

    values: np.ndarray
    low: np.ndarray
    high: np.ndarray
    quantiles: np.ndarray | None
    spike: np.ndarray | None
    weights: np.ndarray | None
    members: np.ndarray | None = None

    def part(self, rows: slice) -> "Forecasts":
        """Some of the windows."""
        return Forecasts._make(None if held is None else held[rows] for held in self)

    @classmethod
    def joined(cls, parts: Sequence["Forecasts"]) -> "Forecasts":
        """Several of them in a row."""
        if len(parts) == 1:
            return parts[0]
        columns = zip(*parts, strict=True)
        return cls._make(None if held[0] is None else np.concatenate(held) for held in columns)


class Predictor:
    """Forecasts of windows by a saved model.

    Args:
        model: a ``Forecaster`` or a ``Estimator``, with its card.
        sizes: rising batch sizes to compile for; a batch is filled up to the next of them, so that no call ever
            compiles anything.

    Raises:
        UserError: the model's card does not tell what a file must tell to be used alone.
    """

    def __init__(self, model: Any, sizes: Sequence[int] = (1, 32)):
        from tsforecast.models.estimator import Estimator

        self.metadata = ModelMetadata.from_model(model)
        self.sizes = tuple(sorted(sizes))
        if isinstance(model, Estimator):
            self._calls = dict.fromkeys(self.sizes, _of_fitted(model, self.metadata))
        else:
            self._calls = {size: _compiled(model, self.metadata, size) for size in self.sizes}
        for size in self.sizes:  # nothing is left to be done at the first real call
            self(np.zeros((size, self.metadata.lookback, len(self.metadata.channels)), np.float32))

    def __call__(self, past: np.ndarray) -> Forecasts:
        """The forecasts of scaled windows float32 ``[n, L, C]``, n at least 1."""
        largest = self.sizes[-1]
        chunks = [past[first : first + largest] for first in range(0, len(past), largest)]
        return Forecasts.joined([in_units(self._chunk(chunk), self.metadata) for chunk in chunks])

    def outputs(self, past: np.ndarray) -> dict[str, np.ndarray]:
        """What the model itself puts out for them, scaled: ``forecast`` and whatever else it has."""
        largest = self.sizes[-1]
        parts = [self._chunk(past[first : first + largest]) for first in range(0, len(past), largest)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _chunk(self, past: np.ndarray) -> dict[str, np.ndarray]:
        count = len(past)
        size = next(size for size in self.sizes if size >= count)
        if size > count:
            past = np.concatenate([past, np.zeros((size - count, *past.shape[1:]), np.float32)])
        output = self._calls[size](past)
        return {name: np.asarray(value)[:count] for name, value in output.items()}


def follows_time(model: Any) -> bool:
    """Whether a model's weights hang on the truths known by then, see ``models.ensemble.Ensemble.in_time``."""
    return bool(getattr(model, "follows_time", False)) and model.options["weighting"] in ("gating", "online")


def in_units(output: dict[str, np.ndarray], metadata: ModelMetadata) -> Forecasts:
    """A model's scaled output in the targets' unit."""
    levels, scaler = metadata.quantile_levels, metadata.scaler
    quantiles = None
    if levels is None:
        values = low = high = scaler.inverse_targets(output["forecast"])
    else:
        quantiles = scaler.inverse_targets(output["forecast"], axis=-2)
        values, low, high = quantiles[..., levels.index(0.5)], quantiles[..., 0], quantiles[..., -1]
    spike = output.get("spike")
    return Forecasts(
        values=values,
        low=low,
        high=high,
        quantiles=quantiles,
        spike=None if spike is None else 0.5 * np.tanh(0.5 * spike.astype(np.float64)) + 0.5,
        weights=output.get("weights"),
        members=output.get("members"),
    )


def _of_fitted(model: Any, metadata: ModelMetadata) -> Callable[[np.ndarray], dict[str, Any]]:
    """A fitted model asks for windows over resident rows: here they lie one behind the other."""
    from tsforecast.data.windows import Windows

    def call(past: np.ndarray) -> dict[str, Any]:
        count, lookback, channels = past.shape
        rows = past.reshape(count * lookback, channels)
        ends = np.arange(1, count + 1, dtype=np.int64) * lookback - 1
        no_truths = np.empty((0, len(metadata.targets)), np.float32)
        windows = Windows(
            rows, no_truths, ends, lookback, metadata.lead, metadata.horizon, border=(0, len(rows))
        )
        return {"forecast": model.forecast(windows)}

    return call


def _compiled(model: Any, metadata: ModelMetadata, size: int) -> Callable[[np.ndarray], dict[str, Any]]:
    """The model's forward pass for batches of exactly ``size`` windows."""
    import keras

    if keras.config.backend() != "tensorflow":
        return lambda past: _told(model, model.predict_on_batch(past))
    shape = (size, metadata.lookback, len(metadata.channels))
    ways = [_of_tensorflow(made(model, shape)) for made in _ways(model, size)]
    return ways[0] if len(ways) == 1 else _quickest(ways, np.zeros(shape, np.float32))


def _ways(model: Any, size: int) -> list[Callable[[Any, tuple[int, ...]], Callable[[Any], dict[str, Any]]]]:
    """How to lay out the pass: in parts of the batch, each one program; for an ensemble also member by member.

    One program saves the most calls, and uses one core. Which of the two is quicker hangs on members, batch and cores.
    """
    from tsforecast.training.sharded_step import compiles_whole

    by_members = hasattr(model, "behind_members") and compiles_whole(model, size)
    return [_in_parts, _by_members] if by_members else [_in_parts]


def _in_parts(model: Any, shape: tuple[int, ...]) -> Callable[[Any], dict[str, Any]]:
    """Parts of the batch side by side; each one program, or only the layers that compile themselves."""
    import tensorflow as tf

    from tsforecast.training.sharded_step import compiles_whole, forward_function, forward_shards

    return forward_function(
        lambda past: _told(model, model(past, training=False)),
        tf.TensorSpec(shape, tf.float32),
        forward_shards(shape[0]),
        compiles_whole(model, shape[0]),
    )


def _by_members(model: Any, shape: tuple[int, ...]) -> Callable[[Any], dict[str, Any]]:
    """Each member of an ensemble one program for the whole batch, side by side; then what joins them."""
    import keras
    import tensorflow as tf

    from tsforecast.training.sharded_step import forward_function

    behind = model.behind_members()
    members = [_program(functools.partial(member, training=False)) for member in model.members]
    rest = _program(lambda inputs: _told(model, behind(inputs, training=False)))

    def forward(past: Any) -> dict[str, Any]:
        return rest([past, *keras.tree.flatten([member(past) for member in members])])

    return forward_function(forward, tf.TensorSpec(shape, tf.float32), shards=1, whole=False)


def _program(call: Callable[[Any], Any]) -> Callable[[Any], Any]:
    import tensorflow as tf

    return tf.function(call, jit_compile=True, autograph=False)


def _of_tensorflow(function: Callable[[Any], dict[str, Any]]) -> Callable[[np.ndarray], Any]:
    import tensorflow as tf

    def call(past: np.ndarray) -> dict[str, np.ndarray]:
        return {name: value.numpy() for name, value in function(tf.constant(past)).items()}

    return call


def _quickest(ways: Sequence[Callable[[np.ndarray], Any]], past: np.ndarray) -> Callable[[np.ndarray], Any]:
    """The way whose median call is the shortest; the first call of each, which compiles, is not counted."""
    medians = []
    for way in ways:
        way(past)
        seconds = []
        for _ in range(_TRIALS):
            began = time.perf_counter()
            way(past)
            seconds.append(time.perf_counter() - began)
        medians.append(float(np.median(seconds)))
    return ways[int(np.argmin(medians))]


def _told(model: Any, output: Any) -> dict[str, Any]:
    """What is made use of: of a model that follows time everything, since it is weighted again."""
    if not isinstance(output, dict):
        return {"forecast": output}
    return {
        name: value
        for name, value in output.items()
        if name in ("forecast", "spike", "weights") or follows_time(model)
    }
