"""The scaling of a model as part of an exported graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tsforecast.data.curves import MAX_EXPONENT
from tsforecast.typing import Tensor

if TYPE_CHECKING:
    import tensorflow as tf

    from tsforecast.data.scaling import Scaler
    from tsforecast.inference.metadata import ModelMetadata

SINGLE_PRECISION = 1e-4  # rounding that is allowed in an input, in scaled units


def value_type(scaler: Scaler) -> str:
    """Return ``float32``, or ``float64`` if single precision would lose differences between values of a channel.

    A channel far from zero, such as one of values near 1e9, needs it.

    Args:
        scaler: Scaler of the channels.
    """
    # A value one scale above the mean, and the next one that single precision can tell from it.
    typical = scaler.inverse(np.ones(len(scaler.mean)))
    rounded = scaler.transform(
        np.nextafter(typical.astype(np.float32), np.float32(np.inf)).astype(np.float64)
    )
    return "float64" if np.any(np.abs(rounded - scaler.transform(typical)) > SINGLE_PRECISION) else "float32"


class Scaling:
    """Scales values, and brings outputs into the targets' unit, inside a TensorFlow graph.

    Args:
        metadata: Metadata with the scaler.
        dtype: Type to scale in.
        values: Type of values and forecasts.
    """

    def __init__(self, metadata: ModelMetadata, dtype: tf.DType, values: tf.DType):
        scaler, targets = metadata.scaler, list(metadata.target_indices)
        self.dtype, self.values = dtype, values
        self.mean, self.factor = (part.astype(dtype.as_numpy_dtype) for part in (scaler.mean, scaler.scale))
        self.inputs = _Curves([scaler.describe_channel(i) for i in range(len(scaler.mean))], dtype)
        self.outputs = _Curves([scaler.describe_channel(i) for i in targets], dtype)
        self.quantiles = metadata.quantile_levels is not None
        self.targets = targets

    def scale(self, values: Tensor) -> Tensor:
        """Return values ``[B, L, C]`` scaled, in float32."""
        import tensorflow as tf

        bent = self.inputs.bend(tf.cast(values, self.dtype))
        return tf.cast((bent - self.mean) / self.factor, tf.float32)

    def to_units(self, output: Tensor) -> dict[str, Tensor]:
        """Return forecasts in the targets' unit, spike logits as probabilities, and weights."""
        import tensorflow as tf

        outputs = output if isinstance(output, dict) else {"forecast": output}
        result = {"forecast": self._unscale(outputs["forecast"])}
        if "spike" in outputs:
            result["spike"] = tf.sigmoid(outputs["spike"])
        if "weights" in outputs:
            result["weights"] = outputs["weights"]
        return result

    def _unscale(self, forecast: Tensor) -> Tensor:
        """Return a forecast ``[B, H, T(, Q)]`` in the targets' unit."""
        import tensorflow as tf

        tail = (1,) if self.quantiles else ()
        mean, factor = (part[self.targets].reshape(-1, *tail) for part in (self.mean, self.factor))
        if not self.outputs.any:
            # In the type of the values: a graph of single precision then stays one.
            kind = self.values.as_numpy_dtype
            return tf.cast(forecast, self.values) * factor.astype(kind) + mean.astype(kind)
        bent = tf.cast(forecast, self.dtype) * factor + mean
        return tf.cast(self.outputs.unbend(bent, tail), self.values)


class _Curves:
    """Curves of the channels on an axis, from operations that all formats have."""

    def __init__(self, channels: Sequence[dict[str, Any]], dtype: tf.DType):
        methods = np.array([channel["method"] for channel in channels])
        self.asinh, self.log1p = methods == "asinh", methods == "log1p"
        self.any = bool((self.asinh | self.log1p).any())
        kind = dtype.as_numpy_dtype
        self.center, self.width = (
            np.where(self.asinh, [channel[key] for channel in channels], default).astype(kind)
            for key, default in (("center", 0.0), ("width", 1.0))
        )

    def bend(self, values: Tensor) -> Tensor:
        """Return the curves of values ``[..., C]``."""
        import tensorflow as tf

        if not self.any:
            return values
        shifted = (values - self.center) / self.width
        size, sign = tf.abs(shifted), tf.sign(shifted)
        asinh = sign * tf.math.log(size + tf.sqrt(size * size + 1.0))
        log1p = sign * tf.math.log(1.0 + size)
        return tf.where(self.asinh, asinh, tf.where(self.log1p, log1p, shifted))

    def unbend(self, bent: Tensor, tail: tuple[int, ...]) -> Tensor:
        """Return the inverse for ``[..., C, *tail]``."""
        import tensorflow as tf

        asinh, log1p, center, width = (
            part.reshape(-1, *tail) for part in (self.asinh, self.log1p, self.center, self.width)
        )
        limit = min(MAX_EXPONENT, 80.0 if bent.dtype == tf.float32 else MAX_EXPONENT)
        size, sign = tf.minimum(tf.abs(bent), limit), tf.sign(bent)
        sinh = sign * 0.5 * (tf.exp(size) - tf.exp(-size)) * width + center
        expm1 = sign * (tf.exp(size) - 1.0)
        return tf.where(asinh, sinh, tf.where(log1p, expm1, bent))
