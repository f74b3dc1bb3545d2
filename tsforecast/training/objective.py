"""What training minimises, element by element: the loss of the value, and of the odds of a spike."""

from typing import Any

from keras import ops

from tsforecast.errors import UserError
from tsforecast.inference.predict import select_forecast
from tsforecast.losses import Loss
from tsforecast.models.forecaster import Forecaster


class Objective:
    """The loss of each element of a truth, all in scaled units.

    ``loss(y, value) + spike_weight * crossentropy(y - origin > threshold, logits)``; the second term only for a model
    with a spike head. The origin is the target's value at the step that the forecast is made from.

    Args:
        forecaster: gives targets, ``spike_weight``, and in its card ``spike.threshold_scaled``, a rise for each target.
        loss: of the value, see ``losses``.

    Raises:
        UserError: the model or the loss needs to know what a spike is, and the card has no threshold.
    """

    def __init__(self, forecaster: Forecaster, loss: Loss):
        self.loss = loss
        self.spike_weight = getattr(forecaster, "spike_weight", 0.0)
        self.needs_spikes = bool(self.spike_weight) or getattr(loss, "needs_spikes", False)
        if self.needs_spikes:
            self.target_indices = forecaster.task.target_indices
            self.threshold = (forecaster.metadata.get("spike") or {}).get("threshold_scaled")
            if not self.threshold or None in self.threshold:
                raise UserError(
                    "Nothing says what a spike is, as the training rows show no rise to measure: set spike.threshold."
                )

    def __call__(self, truth: Any, output: Any, origin: Any) -> Any:
        """Returns the loss of each element.

        Args:
            truth: ``[..., H, T]`` without NaN.
            output: of the model, for the same windows or steps.
            origin: ``[..., 1, T]`` the target's value where each forecast starts from.
        """
        value = select_forecast(output)
        if not self.needs_spikes:
            return self.loss(truth, value)
        spike = truth - ops.cast(origin, "float32") > ops.convert_to_tensor(self.threshold, dtype="float32")
        losses = self.loss(truth, value, spike)
        if self.spike_weight:
            losses = losses + self.spike_weight * _crossentropy(spike, output["spike"])
        return losses

    def origin(self, past: Any, steps: int | None = None) -> Any:
        """The origins in a batch: of the last ``steps`` steps ``[B, S, 1, T]``, or of the last one ``[B, 1, T]``."""
        if not self.needs_spikes:
            return None
        known = ops.stack([past[..., index] for index in self.target_indices], axis=-1)  # [B, L, T]
        return ops.expand_dims(known[:, -1] if steps is None else known[:, -steps:], axis=-2)


def _crossentropy(spike: Any, logits: Any) -> Any:
    """``softplus(z) - z`` where there is a spike, ``softplus(z)`` where not: the stable form."""
    return ops.softplus(logits) - ops.where(spike, logits, 0.0)
