"""Weights that follow the members' errors as the truths arrive."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tsforecast.ensemble.convex import fit_convex_weights
from tsforecast.ensemble.online import choose_settings, online_weights, step
from tsforecast.ensemble.weighting import Array, State, Weighting
from tsforecast.ensemble.window_outputs import WindowOutputs
from tsforecast.losses import Loss


class Online(Weighting):
    """Updates the weights after every window whose truths have arrived.

    ``settings`` are ``rate``, ``share`` and ``scale``, see ``tsforecast.ensemble.online.step``. The state in service is
    ``weights``, ``[M]``. A window without a past gets the best fixed weights.

    Example:
        >>> weighting = Online(members=2, settings={"rate": 0.5, "share": 0.0, "scale": 4.0})
        >>> state = weighting.initial_state()
        >>> weighting.update(state, np.array([[0.1], [2.0]]), state["weights"])["weights"].round(3)
        array([0.616, 0.384])
    """

    position = 50
    adaptive = True

    def fit(
        self,
        fitting: WindowOutputs,
        holdout: WindowOutputs,
        *,
        loss: Loss,
        seed: int,
        log: Callable[[str], None],
    ) -> None:
        """Choose rate and share on ``fitting``; see ``Weighting.fit`` for the arguments."""
        windows, errors = fitting.windows, fitting.errors
        scale = 4.0 * float(np.nanmean(np.square(errors)))
        rate, share = choose_settings(
            errors, windows.ends, lead=windows.lead, horizon=windows.horizon, scale=scale
        )
        self.settings = {"rate": rate, "share": share, "scale": scale}
        self.layer.set(fit_convex_weights(fitting.complete_errors))

    def weights(self, outputs: WindowOutputs) -> npt.NDArray[np.float32]:
        """Return the weights ``[n, M]`` that ``online_weights`` finds along the windows."""
        windows, settings = outputs.windows, self._settings()
        weights = online_weights(
            outputs.errors,
            windows.ends,
            lead=windows.lead,
            horizon=windows.horizon,
            rates=[settings["rate"]],
            shares=[settings["share"]],
            scale=settings["scale"],
        )
        return weights[:, 0].astype(np.float32)

    def initial_state(self) -> State:
        """Return equal weights."""
        return {"weights": np.full(self.members, 1.0 / self.members)}

    def update(self, state: State, errors: Array, weights: Array) -> State:
        """Return the state after one ``step``; see ``Weighting.update`` for the arguments."""
        return {"weights": step(state["weights"][None], weights[None], errors, **self._settings())[0]}

    def apply(self, state: State) -> None:
        """Set the weights of the next window."""
        self.layer.set(state["weights"])

    def _settings(self) -> dict[str, float]:
        if self.settings is None:
            raise ValueError("The online weighting has no settings: fit it first.")
        return self.settings
