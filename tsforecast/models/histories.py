"""The histories that a network reads, and what removes their level and restores it in the forecast."""

from collections.abc import Callable, Sequence

from tsforecast.layers.instance_norm import InstanceNorm, RestoreInstance
from tsforecast.layers.linear import TargetHistory
from tsforecast.models.task import Task
from tsforecast.typing import Tensor


def read_histories(
    past: Tensor,
    task: Task,
    *,
    normalize: bool,
    affine: bool = False,
    channels: Sequence[int] | None = None,
) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Return the histories of channels, and what a forecast made from them passes through.

    Args:
        past: Input of the network, ``[B, L, C]``.
        task: Its task.
        normalize: Whether to remove the mean and the deviation of each history; without, forecasts stay as they are.
        affine: Whether the normalization learns a scale and a shift of each channel.
        channels: M channels to read, the targets among them; None for the targets alone.

    Returns:
        The histories ``[B, M, L]``, and a function from forecasts to forecasts ``[B, T, H(, Q)]`` that restores mean
        and deviation.

    Example:
        >>> task = Task(lookback=6, channels=3, lead=1, horizon=2, target_indices=(2,))
        >>> history, restore = read_histories(task.input_tensor(), task, normalize=True)
        >>> history.shape, restore(history[:, :, -2:]).shape
        ((None, 1, 6), (None, 1, 2))
    """
    read = task.target_indices if channels is None else tuple(channels)
    history = TargetHistory(read, name="histories")(past)
    if not normalize:
        return history, lambda forecast: forecast
    normalizer = InstanceNorm(affine, name="instance_norm")
    history, statistics = normalizer(history)
    places = [read.index(channel) for channel in task.target_indices]

    def restore(forecast: Tensor) -> Tensor:
        return RestoreInstance(normalizer, places, task.points, name="restore")(forecast, statistics)

    return history, restore
