"""The base class of the weightings in ``tsforecast/ensemble/weightings/``."""

import abc
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from keras import ops

from tsforecast.ensemble.layers import FixedWeights
from tsforecast.ensemble.window_outputs import WindowOutputs
from tsforecast.losses import Loss
from tsforecast.typing import Tensor

Array = npt.NDArray[np.floating]
State = dict[str, npt.NDArray[np.float64]]


class Weighting(abc.ABC):
    """Sets the weights with which an ensemble combines its members' forecasts.

    Weights are non-negative and sum to one. A subclass must define ``fit``. Without more, the same weights hold for
    every window: those of a ``FixedWeights`` layer, which ``fit`` sets. A subclass whose weights depend on the window
    overrides ``build`` and ``weights``; one whose weights depend on recent errors sets ``adaptive`` and overrides
    ``initial_state``, ``update`` and ``apply`` too.

    Args:
        members: M, the number of members.
        units: Width of a gating network.
        half_lives: K spans, in windows, after which a recent error counts half.
        settings: Numbers that ``fit`` found in an earlier process and that were saved with the model.

    Attributes:
        position: Place among all weightings in tables, low for simple ones.
        adaptive: Whether the weights depend on truths that arrive after training.
        trainable: Whether fine-tuning trains the fixed weights along with the members.
        settings: Numbers found by ``fit`` that are saved with the model, or None.

    Example:
        >>> from tsforecast.ensemble.weightings.equal import Equal
        >>> weighting = Equal(members=4)
        >>> weighting.adaptive
        False
    """

    position: ClassVar[int] = 100
    adaptive: ClassVar[bool] = False
    trainable: ClassVar[bool] = False

    def __init__(
        self,
        members: int,
        units: int = 32,
        half_lives: Sequence[float] = (30.0, 1440.0),
        settings: Mapping[str, float] | None = None,
    ):
        self.members, self.units, self.half_lives = members, units, tuple(half_lives)
        self.settings = None if settings is None else dict(settings)

    def build(self, points: Tensor, content: Tensor) -> Tensor:
        """Add the layers that compute the weights to the ensemble's graph.

        Args:
            points: Point forecasts of the members, ``[B, M, H, T]``.
            content: Summary of the windows, ``[B, F]``, see ``WindowContent``.

        Returns:
            Weights ``[B, M]``.
        """
        self.layer = FixedWeights(self.members, name="weights", trainable=self.trainable)
        return self.layer(points)

    @abc.abstractmethod
    def fit(
        self,
        fitting: WindowOutputs,
        holdout: WindowOutputs,
        *,
        loss: Loss,
        seed: int,
        log: Callable[[str], None],
    ) -> None:
        """Fit the weights to forecasts of rows that no member was trained on.

        Args:
            fitting: Windows to fit the weights to.
            holdout: Later windows, for early stopping.
            loss: Loss of the combined forecast, for weightings that are trained.
            seed: Random seed for the batch order.
            log: Called with one line of progress per training.
        """

    def weights(self, outputs: WindowOutputs) -> npt.NDArray[np.float32]:
        """Return the weights ``[n, M]`` of consecutive windows.

        The weights of a window depend only on truths that are known at its last input row.

        Args:
            outputs: Outputs of the members for n consecutive windows.
        """
        fixed = ops.convert_to_numpy(ops.softmax(self.layer.logits))
        return np.broadcast_to(fixed, (len(outputs.windows), self.members)).astype(np.float32)

    def initial_state(self) -> State:
        """Return what is known in service before the first truth has arrived."""
        raise NotImplementedError(f"{type(self).__name__} is not adaptive.")

    def update(self, state: State, errors: Array, weights: Array) -> State:
        """Return the state after the truths of one more window have arrived.

        Args:
            state: State before.
            errors: Signed errors of the members ``[M, J]`` for the J values of the window, NaN where unobserved.
            weights: Weights ``[M]`` with which the window was forecast.
        """
        raise NotImplementedError(f"{type(self).__name__} is not adaptive.")

    def apply(self, state: State) -> None:
        """Let the model's graph weight the next window according to a state."""
        raise NotImplementedError(f"{type(self).__name__} is not adaptive.")
