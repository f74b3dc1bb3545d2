"""A forecaster as one self-contained function: values in the data's units in, forecasts in the targets' unit out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from tsforecast.errors import UserError
from tsforecast.export.scaling import Scaling, value_type
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.typing import Tensor

if TYPE_CHECKING:
    import tensorflow as tf

    from tsforecast.models.forecaster import Forecaster
    from tsforecast.models.protocol import Model

INPUT = "values"


def create_module(
    model: Forecaster,
    metadata: ModelMetadata,
    *,
    windows: int | None,
    programs: bool = False,
    double: bool = True,
) -> tf.Module:
    """Trace the forward pass of a network with its scaling inside, with portable layers.

    Args:
        model: A network, loaded with the TensorFlow backend.
        metadata: Its metadata.
        windows: Windows of a call; None: any number.
        programs: See ``layers.portable.portable``.
        double: Scale in float64, as in training: trees take another branch where the last digit of a value differs.
            LiteRT has no such arithmetic.

    Returns:
        A ``tf.Module`` whose ``forecast``, a ``tf.function``, maps ``values`` ``[B, L, C]`` in the channels' units, of
        the type that ``value_type`` returns, to a dict: ``forecast`` ``[B, H, T(, Q)]`` in the targets' unit, of the
        same type, and if the model has them ``spike`` ``[B, H, T]``, a probability, and ``weights`` ``[B, M]``.

    Raises:
        UserError: The values need double precision, and ``double`` is false.
    """
    import keras
    import tensorflow as tf

    from tsforecast.layers.portable import portable

    values_in = tf.as_dtype(value_type(metadata.scaler))
    if values_in == tf.float64 and not double:
        raise UserError("the values of a column differ by less than single precision can hold")
    network = to_float32(model)
    scaling = Scaling(metadata, tf.float64 if double else tf.float32, values_in)

    def forecast(values: Tensor) -> dict[str, Tensor]:
        with keras.StatelessScope(), portable(programs=programs), _statistics_as_arrays(network):
            return scaling.to_units(network(scaling.scale(values), training=False))

    shape = (windows, metadata.lookback, len(metadata.channels))
    # The module has the variables alone: loading a Keras model would need this package's classes.
    module = tf.Module()
    module.weights = [variable.value for variable in network.variables]
    module.forecast = tf.function(
        forecast, input_signature=[tf.TensorSpec(shape, values_in, name=INPUT)], autograph=False
    )
    with portable(programs=programs):
        module.forecast.get_concrete_function()
    return module


def original_function(model: Model, metadata: ModelMetadata) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """Return the original as the service runs it, as a function of the same ``values`` as an exported file.

    Args:
        model: The model.
        metadata: Its metadata.
    """
    from tsforecast.inference.predictor import Predictor

    predictor, scaler = Predictor(model, sizes=(1,)), metadata.scaler

    def run(values: np.ndarray) -> dict[str, np.ndarray]:
        forecasts = predictor(scaler.transform(values).astype(np.float32), metadata)
        outputs = {
            "forecast": forecasts.values if metadata.quantile_levels is None else forecasts.quantiles,
            "spike": forecasts.spike,
            "weights": forecasts.weights,
        }
        return {name: np.asarray(output) for name, output in outputs.items() if output is not None}

    return run


def to_float32(model: Forecaster) -> Forecaster:
    """Return a network with the same weights that computes in float32 throughout; the model itself if it does."""
    if all(layer.compute_dtype == "float32" for layer in model._flatten_layers()):
        return model
    import keras

    policy = keras.saving.serialize_keras_object(keras.DTypePolicy("float32"))
    copy = type(model).from_config(_replace_policy(model.get_config(), policy))
    copy.set_weights(model.get_weights())
    return copy


def _replace_policy(config: Any, policy: Mapping[str, Any]) -> Any:
    """Return a config in which every model, also the members of an ensemble, has this policy."""
    if isinstance(config, dict):
        return {
            key: policy if key == "policy" else _replace_policy(value, policy)
            for key, value in config.items()
        }
    return [_replace_policy(item, policy) for item in config] if isinstance(config, list) else config


@contextmanager
def _statistics_as_arrays(model: Forecaster) -> Iterator[None]:
    """Hide the tensors of normalizing layers, which are from outside the graph, from the ONNX converter.

    It would take them for inputs.
    """
    import keras

    layers = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.Normalization)]
    statistics = [(layer.mean, layer.variance) for layer in layers]
    for layer, (mean, variance) in zip(layers, statistics, strict=True):
        layer.mean, layer.variance = np.asarray(mean), np.asarray(variance)
    try:
        yield
    finally:
        for layer, (mean, variance) in zip(layers, statistics, strict=True):
            layer.mean, layer.variance = mean, variance
