"""What a student learns from: targets softened by the forecasts of a teacher."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class SoftTargets:
    """Targets of the training rows, mixed from the truths and a teacher's forecasts.

    Args:
        values: ``[N, T]`` float32, scaled, the mixed values; NaN where the truth is unobserved.
        spikes: ``[N, T]`` float32, the teacher's probabilities of a spike; NaN where it has none.
        share: Weight of the teacher, in [0, 1].
    """

    values: np.ndarray
    spikes: np.ndarray
    share: float

    def columns(self, truths: np.ndarray) -> np.ndarray:
        """Return ``[N, 3T]``: the values, the truths, by which spikes are labeled, and the probabilities."""
        return np.concatenate([self.values, truths, self.spikes], axis=1, dtype=np.float32)
