"""What training minimizes and validation reports, element by element: the loss of the value, and of a spike's odds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import keras
from keras import ops

from tsforecast.data.scaling import Scaler
from tsforecast.data.spikes import scaled_thresholds
from tsforecast.layers.unit_scaling import rise

if TYPE_CHECKING:
    from tsforecast.losses import Loss
    from tsforecast.models.protocol import Model
    from tsforecast.typing import Tensor


class SoftSpikes(NamedTuple):
    """What a student learns spikes from: the label of the truth, mixed with a teacher's probability.

    Args:
        truth: ``[..., H, T]``, NaN where unobserved.
        probability: ``[..., H, T]``, of the teacher; NaN where it has none.
        share: Weight of the teacher, in [0, 1].
    """

    truth: Tensor
    probability: Tensor
    share: float

    def known_truth(self) -> Tensor:
        """Return the truths, with 0 for unobserved ones, whose losses do not count."""
        return ops.where(ops.isfinite(self.truth), self.truth, 0.0)

    def mix(self, spike: Tensor) -> Tensor:
        """Return the probability to learn, from whether there was a spike."""
        label = ops.cast(spike, "float32")
        known = ops.isfinite(self.probability)
        mixed = (1 - self.share) * label + self.share * ops.where(known, self.probability, 0.0)
        return ops.where(known, mixed, label)


class Objective:
    """The loss of each element of a truth, in scaled units.

    ``loss(y, value) + spike_weight * (1 - p)^spike_focus * crossentropy(y - origin > threshold, logits)``, where p is
    the probability of what happened; the second term only for a model with a spike head, and the rise in the target's
    unit if its scaling has a curve. A ``spike_focus`` above 0 is the focal loss of rare events (Lin et al. 2017,
    eq. 4). The origin is the value of the target at the step that the forecast is made from.

    Args:
        model: Supplies the targets, ``spike_weight``, ``spike_focus`` and, in its metadata,
            ``spike.threshold_scaled``: the rise of each target that makes a spike.
        loss: Loss of the value.

    Raises:
        UserError: The model or the loss depends on spikes, and the metadata contain no threshold.

    Example:
        >>> import numpy as np
        >>> from tsforecast.losses import SquaredError
        >>> from tsforecast.models.persistence import Persistence
        >>> from tsforecast.models.task import Task
        >>> model = Persistence(Task(lookback=4, channels=1, lead=1, horizon=1, target_indices=(0,)))
        >>> objective = Objective(model, SquaredError())
        >>> past, truth = np.ones((1, 4, 1), "float32"), np.full((1, 1, 1), 3.0, "float32")
        >>> float(objective(truth, model(past), objective.origin(past))[0, 0, 0])
        4.0
    """

    def __init__(self, model: Model, loss: Loss):
        self.loss = loss.for_task(model.task)
        self.spike_weight: float = getattr(model, "spike_weight", 0.0)
        self.spike_focus: float = getattr(model, "spike_focus", 0.0)
        self.needs_spikes = bool(self.spike_weight) or getattr(loss, "needs_spikes", False)
        if self.needs_spikes:
            self.target_indices = model.task.target_indices
            self.threshold = scaled_thresholds(model.metadata)
            self.curved = self._describe_targets(model)
            if self.curved:
                self.threshold = model.metadata["spike"]["threshold"]

    def __call__(
        self, truth: Tensor, output: Tensor, origin: Tensor, soft: SoftSpikes | None = None
    ) -> Tensor:
        """Return the loss of each element.

        Args:
            truth: ``[..., H, T]`` without NaN.
            output: Output of the model for the same windows or steps.
            origin: ``[..., 1, T]``, the value of the target that each forecast starts from.
            soft: What a student learns spikes from, if ``truth`` is mixed with a teacher's forecast; None otherwise.
        """
        value = self.loss.select(output)
        if not self.needs_spikes:
            return self.loss(truth, value)
        rises = self._rises(truth if soft is None else soft.known_truth(), ops.cast(origin, "float32"))
        spike = rises > ops.convert_to_tensor(self.threshold, dtype="float32")
        losses = self.loss(truth, value, spike)
        if self.spike_weight:
            label = spike if soft is None else soft.mix(spike)
            losses = losses + self.spike_weight * _crossentropy(label, output["spike"], self.spike_focus)
        return losses

    def _rises(self, truth: Tensor, origin: Tensor) -> Tensor:
        """Return the rises of the truths, scaled; in the targets' unit if one of them has a curve."""
        if not self.curved:
            return truth - origin
        rises = [rise(channel, truth[..., i], origin[..., i]) for i, channel in enumerate(self.curved)]
        return ops.stack(rises, axis=-1)

    def _describe_targets(self, model: Model) -> list[dict[str, Any]]:
        """Return how each target is scaled if one of them has a curve, under which equal rises differ once scaled."""
        if not model.metadata.get("scaler"):
            return []
        scaler = Scaler.from_dict(model.metadata["scaler"])
        curved = scaler.curved_targets
        return [scaler.describe_channel(index) for index in self.target_indices] if curved else []

    def origin(self, past: Tensor, steps: int | None = None) -> Tensor:
        """Return the origins of a batch: of the last ``steps`` steps ``[B, S, 1, T]``, or of the last ``[B, 1, T]``."""
        if not self.needs_spikes:
            return None
        known = ops.stack([past[..., index] for index in self.target_indices], axis=-1)  # [B, L, T]
        return ops.expand_dims(known[:, -1] if steps is None else known[:, -steps:], axis=-2)


def _crossentropy(spike: Tensor, logits: Tensor, focus: float) -> Tensor:
    """Return the cross-entropy in its stable form: ``softplus(z) - z`` for a spike, ``softplus(z)`` otherwise.

    A spike may be a probability. With ``focus``, the cross-entropy is multiplied by the probability of what did not
    happen to that power.
    """
    is_label = keras.backend.standardize_dtype(spike.dtype) == "bool"
    hit = ops.where(spike, logits, 0.0) if is_label else spike * logits
    entropy = ops.softplus(logits) - hit
    return entropy * ops.power(1.0 - ops.exp(-entropy), focus) if focus else entropy
