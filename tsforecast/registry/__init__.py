"""Versions of models in a folder, and which of them is in service."""

from tsforecast.registry.store import Registry, Version

__all__ = ["Registry", "Version"]
