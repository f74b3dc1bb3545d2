"""Weights in proportion to the inverse of each member's mean squared error."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tsforecast.ensemble.weighting import Weighting
from tsforecast.ensemble.window_outputs import WindowOutputs
from tsforecast.losses import Loss


class InverseError(Weighting):
    """Weights each member by ``1 / mean squared error`` on the rows that the weights are fitted to.

    Source: Bates & Granger (1969), "The combination of forecasts", their method for uncorrelated errors.

    Example:
        >>> inverse_error_weights(np.array([[1.0, 4.0], [1.0, 4.0]]))
        array([0.8, 0.2])
    """

    position = 20

    def fit(
        self,
        fitting: WindowOutputs,
        holdout: WindowOutputs,
        *,
        loss: Loss,
        seed: int,
        log: Callable[[str], None],
    ) -> None:
        """Set the weights by the errors on ``fitting``; see ``Weighting.fit`` for the arguments."""
        self.layer.set(inverse_error_weights(fitting.mean_squared_errors))


def inverse_error_weights(squared: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return weights ``[M]`` in proportion to ``1 / mean squared error``.

    Args:
        squared: Mean squared errors ``[n, M]`` of each window, NaN where unobserved.
    """
    inverse = 1.0 / np.maximum(np.nanmean(squared, axis=0), 1e-12)
    return inverse / inverse.sum()
