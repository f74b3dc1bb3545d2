"""The weightings of an ensemble: one file each, found by its name.

A file ``NAME.py`` in this folder that defines one subclass of ``tsforecast.ensemble.weighting.Weighting`` makes
``ensemble.weighting=NAME`` a legal choice, and ``job=ensemble`` compares it with the others. Listing the names imports
none of the files, so that a config is checked without Keras.

Example:
    >>> list_weightings()
    ['equal', 'gating', 'inverse_error', 'online', 'static']
    >>> load_weighting("equal").__name__
    'Equal'
"""

import importlib
import pkgutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tsforecast.ensemble.weighting import Weighting


def list_weightings() -> list[str]:
    """Return the names of all weightings in alphabetical order."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load_weighting(name: str) -> "type[Weighting]":
    """Return the class of a weighting.

    Args:
        name: Name of its file without the suffix.

    Raises:
        ValueError: There is no such file.
        TypeError: The file does not define exactly one subclass of ``Weighting``.
    """
    from tsforecast.ensemble.weighting import Weighting

    names = list_weightings()
    if name not in names:
        raise ValueError(f"weighting={name} is not one of {', '.join(names)}.")
    module = importlib.import_module(f"{__name__}.{name}")
    classes = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Weighting) and value.__module__ == module.__name__
    ]
    if len(classes) != 1:
        raise TypeError(f"{module.__name__} must define one subclass of Weighting, not {len(classes)}.")
    return classes[0]


def order_weightings() -> list[str]:
    """Return the names of all weightings from the simplest to the most elaborate, by their ``position``."""
    return sorted(list_weightings(), key=lambda name: (load_weighting(name).position, name))
