"""What a detector says about rows or blocks."""

from typing import Any, NamedTuple, Protocol

import numpy as np


class Signal(NamedTuple):
    """Where a condition holds, and the figures behind it.

    Args:
        active: Whether it holds after each of m rows or blocks, per feature ``[m, F]``.
        figures: Name -> figures ``[m, F]`` for the alarm's sentence.
    """

    active: np.ndarray
    figures: dict[str, np.ndarray]


class Stateful(Protocol):
    """State that survives a restart."""

    def to_dict(self) -> dict[str, Any]:
        """Return the state as plain values."""

    def restore(self, stored: dict[str, Any]) -> None:
        """Restore what ``to_dict`` returned."""
