"""The convex combination of the members with the least squared error."""

from collections.abc import Callable

from tsforecast.ensemble.convex import fit_convex_weights
from tsforecast.ensemble.weighting import Weighting
from tsforecast.ensemble.window_outputs import WindowOutputs
from tsforecast.losses import Loss


class Static(Weighting):
    """Uses the best fixed weights on the rows that they are fitted to; fine-tuning may train them further.

    Source: Bates & Granger (1969), "The combination of forecasts"; see ``fit_convex_weights``.

    Example:
        >>> Static(members=3).trainable
        True
    """

    position = 30
    trainable = True

    def fit(
        self,
        fitting: WindowOutputs,
        holdout: WindowOutputs,
        *,
        loss: Loss,
        seed: int,
        log: Callable[[str], None],
    ) -> None:
        """Set the best fixed weights on ``fitting``; see ``Weighting.fit`` for the arguments."""
        self.layer.set(fit_convex_weights(fitting.complete_errors))
