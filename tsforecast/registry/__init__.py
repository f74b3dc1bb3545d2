"""Versions of models in a folder, the champion among them, and its promotion and retraining.

What a retrained model must pass before it is promoted is in `tsforecast.registry.gate`.
"""

from tsforecast.registry.store import Registry, Version

__all__ = ["Registry", "Version"]
