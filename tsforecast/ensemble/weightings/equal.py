"""Equal weights: the plain mean of the members' forecasts."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tsforecast.ensemble.weighting import Weighting
from tsforecast.ensemble.window_outputs import WindowOutputs
from tsforecast.losses import Loss


class Equal(Weighting):
    """Gives every member the weight ``1 / M``.

    Example:
        >>> equal_weights(4)
        array([0.25, 0.25, 0.25, 0.25])
    """

    position = 10

    def fit(
        self,
        fitting: WindowOutputs,
        holdout: WindowOutputs,
        *,
        loss: Loss,
        seed: int,
        log: Callable[[str], None],
    ) -> None:
        """Set equal weights; see ``Weighting.fit`` for the arguments."""
        self.layer.set(equal_weights(self.members))


def equal_weights(members: int) -> npt.NDArray[np.float64]:
    """Return ``[M]`` times ``1 / M``.

    Args:
        members: M, the number of members.
    """
    return np.full(members, 1.0 / members)
