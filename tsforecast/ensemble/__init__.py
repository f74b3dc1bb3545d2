"""Weighted combinations of several forecasters."""

from typing import Any


def __getattr__(name: str) -> Any:
    """Imports ``Ensemble`` when it is first used, so that the NumPy parts need no Keras."""
    if name == "Ensemble":
        from tsforecast.ensemble.model import Ensemble

        return Ensemble
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
