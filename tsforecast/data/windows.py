"""Windows: index sets over resident arrays; a window is gathered when it is needed, never stored."""

from dataclasses import dataclass
from typing import cast

import numpy as np

from tsforecast.data.window_order import MAX_IN_MEMORY, RowRange
from tsforecast.errors import UserError


@dataclass(frozen=True)
class Windows:
    """The windows of one split.

    The window whose last input is row t has inputs ``t-lookback+1 .. t`` and targets ``t+lead ..
    t+lead+horizon-1``.

    Args:
        rows: ``[N, C]`` float32 scaled inputs without NaN.
        truths: ``[N, T]`` float32 scaled, NaN where unobserved.
        ends: ``[n]`` int64, the row t of each window, ascending.
        lookback: L, input steps.
        lead: steps from the last input to the first target, 1 is the next step.
        horizon: H, target steps.
        border: rows ``(start, stop)`` of the split: every target lies in it. Of a panel, the first such row of any
            series and the last one; the inputs and targets of training windows are within their series.
        starts: First row ``[S]`` of each series, which training draws equally often whatever its length; None draws
            each window equally often.
    """

    rows: np.ndarray
    truths: np.ndarray
    ends: np.ndarray
    lookback: int
    lead: int
    horizon: int
    border: tuple[int, int]
    starts: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.ends)

    def inputs(self, ends: np.ndarray) -> np.ndarray:
        """Return the inputs ``[b, L, C]`` of the windows whose last input rows are ``ends`` ``[b]``."""
        array: np.ndarray = self.rows[np.asarray(ends)[:, None] + self.input_offsets]
        return array

    def targets(self, ends: np.ndarray) -> np.ndarray:
        """Return the targets ``[b, H, T]``, NaN where unobserved."""
        array: np.ndarray = self.truths[np.asarray(ends)[:, None] + self.target_offsets]
        return array

    def dense_targets(self, ends: np.ndarray, first_step: int) -> np.ndarray:
        """Return the targets seen from every input step from ``first_step`` on.

        Args:
            ends: ``[b]`` last input rows.
            first_step: 0..L-1, the first input step that is scored.

        Returns:
            ``[b, S, H, T]`` with ``S = L - first_step``; ``[:, -1]`` equals ``targets(ends)``. NaN where
            unobserved or before the split. None lies behind the split, since an earlier step's targets come
            before the last step's, which lie in it; and none of training lies before it, since training
            starts at row 0.
        """
        index = np.asarray(ends)[:, None, None] + self.dense_offsets(first_step)
        out = self.truths[index]
        if self.border[0] > 0:
            out[index < self.border[0]] = np.nan
        array: np.ndarray = out
        return array

    def weights(self) -> np.ndarray | None:
        """Return the weight ``[n]`` of each window, of mean 1, if its series count equally; None for equal weights."""
        if self.starts is None:
            return None
        _, series, counts = np.unique(
            np.searchsorted(self.starts, self.ends, side="right"), return_inverse=True, return_counts=True
        )
        return np.asarray(len(self) / (len(counts) * counts[series]))

    @property
    def input_offsets(self) -> np.ndarray:
        """``[L]`` rows of the inputs relative to the last one."""
        return np.arange(1 - self.lookback, 1)

    @property
    def target_offsets(self) -> np.ndarray:
        """``[H]`` rows of the targets relative to the last input."""
        return np.arange(self.lead, self.lead + self.horizon)

    def dense_offsets(self, first_step: int) -> np.ndarray:
        """``[S, H]`` rows of the targets of steps ``first_step..L-1`` relative to the last input.

        Raises:
            UserError: if ``first_step`` is not in 0..L-1.
        """
        if not 0 <= first_step < self.lookback:
            raise UserError(
                f"Dense supervision from step {first_step} does not fit window.lookback {self.lookback}:"
                f" give a step from 0 to {self.lookback - 1}."
            )
        array: np.ndarray = np.arange(first_step - self.lookback + 1, 1)[:, None] + self.target_offsets
        return array

    def truths_all(self) -> np.ndarray:
        """Return the scaled targets of all windows ``[n, H, T]``, NaN where unobserved."""
        return self.targets(self.ends)

    def limited(self, limit: int | None) -> "Windows":
        """Return ``limit`` windows evenly spaced over these, first and last among them (None: all)."""
        if limit is None or limit >= len(self):
            return self
        picks = np.linspace(0, len(self) - 1, limit).round().astype(np.int64)
        fields = {**self.__dict__, "ends": self.ends[picks]}
        return Windows(**fields)


def window_ends(
    border: tuple[int, int], *, lookback: int, lead: int, horizon: int, stride: int, inside: bool
) -> np.ndarray:
    """Return the last input rows ``[n]`` of all windows whose targets lie in ``border``.

    Args:
        border: rows ``(start, stop)``.
        lookback: input steps, at least 1.
        lead: steps to the first target, at least 1.
        horizon: target steps, at least 1.
        stride: rows from one window to the next, at least 1.
        inside: whether the inputs must lie in ``border`` too (training); otherwise they may reach back into
            the past.

    Returns:
        int64; a ``RowRange``, which behaves like it where it is indexed, for a very large number of training windows.
    """
    start, stop = border
    first = start + lookback - 1 if inside else max(start - lead, lookback - 1)
    rows = RowRange(first, stop - lead - horizon + 1, stride)
    return cast("np.ndarray", rows) if inside and len(rows) > MAX_IN_MEMORY else rows[:]
