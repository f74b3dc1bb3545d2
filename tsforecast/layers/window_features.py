"""Lags and statistics of a window, as gradient-boosted trees read them, and an embedding of each."""

import operator
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import initializers, ops

from tsforecast.layers.encoding import add_constant
from tsforecast.layers.statistics import combine_newest
from tsforecast.typing import Tensor


@keras.saving.register_keras_serializable(package="tsforecast")
class WindowFeatures(keras.layers.Layer):
    """Newest values, lags and statistics of a window at its last step and every ``stride``-th before it.

    The features of a step depend on no later one. They are the values of all channels at that step, then the values of
    the measured channels for each lag, then for each span the means of the measured channels, and lowest values,
    highest values and standard deviations of the targets. Where the window does not reach back far enough, a lag is
    its first value, and a statistic is of the steps that there are.

    Args:
        channels: Channels whose own value is a feature.
        measured: Channels of the lags and means.
        targets: Channels of the extremes and deviations.
        lags: Steps back, each at least 1.
        spans: Numbers of newest steps, each at least 2.
        stride: Steps from one to the next.
        steps: How many of them there are features of, the newest; None for all.

    Call arguments: past ``[B, L, C]``, scaled.
    Returns: ``[B, S, F]`` float32, with ``S = ceil(L / stride)`` or ``steps`` if that is less.

    Example:
        >>> layer = WindowFeatures(channels=[0], measured=[0], targets=[0], lags=[1], spans=[2], steps=1)
        >>> layer(ops.convert_to_tensor([[[1.0], [3.0], [2.0]]]))[0].numpy().tolist()
        [[2.0, 3.0, 2.5, 2.0, 3.0, 0.5]]
    """

    def __init__(
        self,
        channels: Sequence[int],
        measured: Sequence[int],
        targets: Sequence[int],
        lags: Sequence[int],
        spans: Sequence[int],
        stride: int = 1,
        steps: int | None = None,
        **kwargs: object,
    ):
        # Inputs stay float32 under a mixed policy too, for sums of many steps and narrow bins.
        super().__init__(**{**kwargs, "autocast": False})
        self.channels, self.measured, self.targets = list(channels), list(measured), list(targets)
        self.lags, self.spans, self.stride, self.steps = list(lags), list(spans), stride, steps

    @property
    def feature_count(self) -> int:
        """The number F of features of a step."""
        statistics = len(self.measured) + 3 * len(self.targets)
        return len(self.channels) + len(self.lags) * len(self.measured) + len(self.spans) * statistics

    def call(self, past: Tensor) -> Tensor:
        past = ops.cast(past, "float32")
        if self.steps is not None:  # earlier rows are out of reach
            reach = max([1, *(lag + 1 for lag in self.lags), *self.spans])
            past = past[:, -(reach + self.stride * (self.steps - 1)) :]
        measured, targets = _select(past, self.measured), _select(past, self.targets)
        parts = [self._thin(_select(past, self.channels))]
        parts += [self._thin(_lag(measured, lag)) for lag in self.lags]
        for span in self.spans:
            parts += [
                self._thin(_mean(measured, span)),
                self._thin(combine_newest(targets, span, ops.minimum, np.inf)),
                self._thin(combine_newest(targets, span, ops.maximum, -np.inf)),
                self._deviation(targets, span),
            ]
        return ops.concatenate(parts, axis=-1)

    def _deviation(self, values: Tensor, span: int) -> Tensor:
        """Return the standard deviation of the newest ``span`` steps, at the steps that are kept.

        One step after the other, from its own mean: from sums of squares that steps share, the deviation of a flat
        stretch would be rounding errors, which narrow bins tell apart.
        """
        last = values.shape[1]
        count = count_steps(last, self.stride, self.steps)
        stops = range(last - self.stride * (count - 1), last + 1, self.stride)
        return ops.stack([ops.std(values[:, max(0, stop - span) : stop], axis=1) for stop in stops], axis=1)

    def _thin(self, values: Tensor) -> Tensor:
        return thin_steps(values, self.stride, self.steps)

    def compute_output_spec(self, past: Tensor) -> keras.KerasTensor:
        steps = count_steps(past.shape[1], self.stride, self.steps)
        return keras.KerasTensor((past.shape[0], steps, self.feature_count), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        names = ("channels", "measured", "targets", "lags", "spans", "stride", "steps")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="tsforecast")
class FeatureEmbedding(keras.layers.Layer):
    """Maps each feature to ``width`` learned functions of it, piecewise linear between its edges, and then a ReLU.

    Component ``k`` of a feature with edges ``b_0 < ... < b_K`` is ``(x - b_{k-1}) / (b_k - b_{k-1})``, clipped to
    [0, 1], so that a function is constant outside the edges. Each feature has its own weights, far fewer than a dense
    layer on the components of all features.

    Args:
        edges: Rising edges of each of the F features; a feature with fewer than two only adds a constant.
        width: Functions of each feature.

    Call arguments: features ``[B, S, F]``.
    Returns: ``[B, S, F * width]``.

    Source: Gorishniy et al. (2022), On embeddings for numerical features in tabular deep learning, section 3.2 (PLE)
    and 3.4 (a linear layer for each feature, then a ReLU).

    Example:
        >>> FeatureEmbedding([[0.0, 1.0, 2.0], [0.0]], width=4)(ops.zeros((1, 3, 2))).shape
        TensorShape([1, 3, 8])
    """

    def __init__(self, edges: Sequence[Sequence[float]], width: int, **kwargs: object):
        super().__init__(**{**kwargs, "autocast": False})
        self.edges, self.width = [list(rising) for rising in edges], width

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build the weights; lower edge and slope of each component are weights too, to be saved."""
        lows, slopes = _components(self.edges)
        self._lows, self._slopes = add_constant(self, "lows", lows), add_constant(self, "slopes", slopes)
        count, bins = slopes.shape
        self.kernel = self.add_weight(
            shape=(count, bins, self.width),
            initializer=initializers.RandomNormal(stddev=bins**-0.5),
            name="kernel",
        )
        self.bias = self.add_weight(shape=(count, 1, self.width), initializer="zeros", name="bias")
        self.built = True

    def call(self, features: Tensor) -> Tensor:
        steps, count = features.shape[1:]
        rows = ops.transpose(
            ops.reshape(ops.cast(features, "float32"), (-1, count))
        )  # one product per feature
        # The difference first: of large values, a product would not leave enough digits for narrow bins.
        positions = (ops.expand_dims(rows, -1) - self._lows[:, None]) * self._slopes[:, None]
        components = ops.cast(ops.minimum(ops.maximum(positions, 0.0), 1.0), self.compute_dtype)
        kernel, bias = (ops.cast(weight, self.compute_dtype) for weight in (self.kernel, self.bias))
        embedded = ops.relu(ops.matmul(components, kernel) + bias)  # [F, B * S, width]
        return ops.reshape(ops.transpose(embedded, (1, 0, 2)), (-1, steps, count * self.width))

    def compute_output_spec(self, features: Tensor) -> keras.KerasTensor:
        shape = (*features.shape[:-1], features.shape[-1] * self.width)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "edges": self.edges, "width": self.width}


def count_steps(lookback: int, stride: int, steps: int | None = None) -> int:
    """Return how many steps ``thin_steps`` keeps of ``lookback``.

    Example:
        >>> count_steps(100, 10), count_steps(100, 10, 5)
        (10, 5)
    """
    every = -(-lookback // stride)
    return every if steps is None else min(every, steps)


def thin_steps(values: Tensor, stride: int, steps: int | None = None) -> Tensor:
    """Return the last step of ``[B, L, ...]`` and every ``stride``-th before it, the newest ``steps`` of them.

    Example:
        >>> thin_steps(np.arange(5.0)[None], 2).tolist()
        [[0.0, 2.0, 4.0]]
    """
    count = count_steps(values.shape[1], stride, steps)
    return values[:, values.shape[1] - 1 - stride * (count - 1) :: stride]


def _select(past: Tensor, channels: Sequence[int]) -> Tensor:
    if channels == list(range(past.shape[-1])):
        return past
    return ops.take(past, np.asarray(channels, "int32"), axis=-1)


def _lag(values: Tensor, lag: int) -> Tensor:
    """Return the values of ``lag`` steps before, and the first where there are none."""
    lag = min(lag, values.shape[1] - 1)
    if not lag:
        return values
    return ops.concatenate([ops.repeat(values[:, :1], lag, axis=1), values[:, :-lag]], axis=1)


def _mean(values: Tensor, span: int) -> Tensor:
    """Return the mean of the newest ``span`` steps, at each step."""
    count = ops.minimum(ops.arange(1, values.shape[1] + 1, dtype="float32"), float(span))
    return combine_newest(values, span, operator.add, 0.0) / ops.expand_dims(count, -1)


def _components(edges: Sequence[Sequence[float]]) -> tuple[np.ndarray, np.ndarray]:
    """Return lower edges and slopes ``[F, K]`` of the components; missing ones are 0 everywhere."""
    bins = max(1, *(len(rising) - 1 for rising in edges))
    lows, slopes = np.zeros((2, len(edges), bins), "float32")
    for feature, rising in enumerate(edges):
        lows[feature, : len(rising) - 1] = rising[:-1]
        slopes[feature, : len(rising) - 1] = 1 / np.diff(rising)
    return lows, slopes
