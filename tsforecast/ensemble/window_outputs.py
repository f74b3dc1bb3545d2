"""The outputs of an ensemble's members for consecutive windows."""

import dataclasses

import numpy as np
import numpy.typing as npt

from tsforecast.data.windows import Windows
from tsforecast.ensemble.delayed_errors import count_known_windows, forecast_errors, mean_squared_errors
from tsforecast.typing import Tensor

Array = npt.NDArray[np.floating]


def select_points(values: Tensor, quantile_levels: tuple[float, ...] | None) -> Tensor:
    """Return point forecasts: the medians of quantiles ``[..., Q]``, or the values themselves without levels.

    Example:
        >>> select_points(np.array([[1.0, 2.0, 4.0]]), (0.1, 0.5, 0.9))
        array([2.])
    """
    return values if quantile_levels is None else values[..., quantile_levels.index(0.5)]


@dataclasses.dataclass(frozen=True)
class WindowOutputs:
    """An ensemble's outputs for consecutive windows, with the truths of these windows.

    Args:
        windows: The n windows, in the order of time.
        outputs: Arrays ``[n, ...]`` by the name of the output, ``members`` and ``content`` among them.
        quantile_levels: Q rising levels of the forecasts, or None for point forecasts.

    Example:
        >>> rows = np.arange(6, dtype=np.float32)[:, None]
        >>> windows = Windows(rows, rows, np.array([1, 2, 3]), lookback=2, lead=1, horizon=1, border=(0, 6))
        >>> outputs = WindowOutputs(windows, {"members": np.full((3, 2, 1, 1), 2.0, np.float32)})
        >>> outputs.slice(1, 3).errors[:, 0, 0]
        array([-1., -2.], dtype=float32)
    """

    windows: Windows
    outputs: dict[str, np.ndarray]
    quantile_levels: tuple[float, ...] | None = None

    def __len__(self) -> int:
        return len(self.windows)

    def slice(self, first: int, stop: int | None = None) -> "WindowOutputs":
        """Return windows ``first .. stop - 1``, or all from ``first`` on."""
        windows = dataclasses.replace(self.windows, ends=self.windows.ends[first:stop])
        outputs = {name: values[first:stop] for name, values in self.outputs.items()}
        return dataclasses.replace(self, windows=windows, outputs=outputs)

    @property
    def truth(self) -> Array:
        """Scaled truths ``[n, H, T]``, NaN where unobserved."""
        return self.windows.targets(self.windows.ends)

    @property
    def points(self) -> Array:
        """Scaled point forecasts of the members ``[n, M, H, T]``."""
        return select_points(self.outputs["members"], self.quantile_levels)

    @property
    def errors(self) -> Array:
        """Forecast minus truth ``[n, M, H * T]``, NaN where unobserved."""
        return forecast_errors(self.points, self.truth)

    @property
    def complete_errors(self) -> Array:
        """Errors ``[k, M]`` of the k observed values of all windows."""
        errors = self.errors
        values = errors.transpose(0, 2, 1).reshape(-1, errors.shape[1])
        return values[np.isfinite(values).all(axis=1)]

    @property
    def mean_squared_errors(self) -> Array:
        """Mean squared error ``[n, M]`` of each window, NaN where nothing of it was observed."""
        return mean_squared_errors(self.points, self.truth)

    def count_known(self) -> npt.NDArray[np.intp]:
        """Count, for each window ``[n]``, the first windows whose truths are all known at its last input row."""
        return count_known_windows(self.windows.ends, self.windows.lead, self.windows.horizon)
