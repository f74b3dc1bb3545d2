"""A forecaster as one function that stands alone: values in the data's units in, forecasts in the targets' unit out."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from tsforecast.inference.metadata import ModelMetadata

INPUT = "values"


def standalone(
    model: Any, metadata: ModelMetadata, *, windows: int | None, programs: bool = False, double: bool = True
) -> Any:
    """The forward pass of a network with its scaling inside, traced with portable layers.

    Args:
        model: a ``Forecaster``, loaded with the TensorFlow backend.
        metadata: its own.
        windows: how many a call takes; None: any number.
        programs: see ``layers.portable.portable``.
        double: scale in float64, as in training: trees take another branch where the last digit of a value differs.
            LiteRT has no such arithmetic.

    Returns: a ``tf.Module`` whose ``forecast``, a ``tf.function``, maps float32 ``values`` ``[B, L, C]`` in the
        channels' units to a dict of float32: ``forecast`` ``[B, H, T(, Q)]`` in the targets' unit, and where the model
        has them ``spike`` ``[B, H, T]``, a probability, and ``weights`` ``[B, M]``.
    """
    import keras
    import tensorflow as tf

    from tsforecast.layers.portable import portable

    model, units = in_float32(model), _Units(metadata)
    kind = tf.float64 if double else tf.float32
    mean, scale = (
        figure.astype(kind.as_numpy_dtype) for figure in (metadata.scaler.mean, metadata.scaler.scale)
    )

    def forecast(values: Any) -> dict[str, Any]:
        with keras.StatelessScope(), portable(programs=programs), _statistics_as_arrays(model):
            scaled = tf.cast((tf.cast(values, kind) - mean) / scale, tf.float32)
            return units.outputs(model(scaled, training=False), tf.sigmoid)

    shape = (windows, metadata.lookback, len(metadata.channels))
    module = (
        tf.Module()
    )  # with the variables alone: a Keras model in it would want this package's classes back
    module.weights = [variable.value for variable in model.variables]
    module.forecast = tf.function(
        forecast, input_signature=[tf.TensorSpec(shape, tf.float32, name=INPUT)], autograph=False
    )
    with portable(programs=programs):
        module.forecast.get_concrete_function()
    return module


@contextmanager
def _statistics_as_arrays(model: Any) -> Iterator[None]:
    """Normalising layers hold tensors from outside the graph, which the ONNX converter would take for its inputs."""
    import keras

    layers = [one for one in model._flatten_layers() if isinstance(one, keras.layers.Normalization)]
    held = [(one.mean, one.variance) for one in layers]
    for layer, (mean, variance) in zip(layers, held, strict=True):
        layer.mean, layer.variance = np.asarray(mean), np.asarray(variance)
    try:
        yield
    finally:
        for layer, (mean, variance) in zip(layers, held, strict=True):
            layer.mean, layer.variance = mean, variance


def as_served(model: Any, metadata: ModelMetadata) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """The original, as the service runs it, for ``values`` as ``standalone`` takes them."""
    from tsforecast.inference.predictor import Predictor

    predictor, levels = Predictor(model, sizes=(1,)), metadata.quantile_levels
    scaler = metadata.scaler

    def run(values: np.ndarray) -> dict[str, np.ndarray]:
        found = predictor(scaler.transform(values).astype(np.float32))
        told = {"forecast": found.values if levels is None else found.quantiles}
        told |= {"spike": found.spike, "weights": found.weights}
        return {name: np.asarray(value) for name, value in told.items() if value is not None}

    return run


def in_float32(model: Any) -> Any:
    """The same model with the same weights, computed in float32 throughout."""
    if all(layer.compute_dtype == "float32" for layer in model._flatten_layers()):
        return model
    import keras

    policy = keras.saving.serialize_keras_object(keras.DTypePolicy("float32"))
    twin = type(model).from_config(_with_policy(model.get_config(), policy))
    twin.set_weights(model.get_weights())
    return twin


def _with_policy(config: Any, policy: Mapping[str, Any]) -> Any:
    """A config in which every model, members of an ensemble too, has this policy."""
    if isinstance(config, dict):
        return {
            key: policy if key == "policy" else _with_policy(value, policy) for key, value in config.items()
        }
    return [_with_policy(one, policy) for one in config] if isinstance(config, list) else config


class _Units:
    """Scaling inside the graph.

    Args:
        metadata: whose scaler it is.
    """

    def __init__(self, metadata: ModelMetadata):
        scaler, targets = metadata.scaler, list(metadata.target_indices)
        quantiles = () if metadata.quantile_levels is None else (1,)
        self.offset, self.factor = (
            figure[targets].astype(np.float32).reshape(-1, *quantiles)
            for figure in (scaler.mean, scaler.scale)
        )

    def outputs(self, output: Any, sigmoid: Callable[[Any], Any]) -> dict[str, Any]:
        """What the model says, in the targets' unit; a spike's logit as a probability."""
        found = output if isinstance(output, dict) else {"forecast": output}
        told = {"forecast": found["forecast"] * self.factor + self.offset}
        if "spike" in found:
            told["spike"] = sigmoid(found["spike"])
        if "weights" in found:
            told["weights"] = found["weights"]
        return told
