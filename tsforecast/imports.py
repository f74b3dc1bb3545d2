"""Imports of large packages, without what is rarely used of them and without garbage collection.

TensorFlow and Keras import pandas, Matplotlib and requests for a few of their functions. Importing these takes a sixth
of the time that importing TensorFlow takes, and collecting garbage in vain, since modules stay, another fifth.
"""

import gc
import importlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.machinery import PathFinder
from importlib.util import find_spec
from types import ModuleType


class DelayedModule(ModuleType):
    """Stands in for a module in the code that imported it, and imports the module when an attribute is needed.

    Args:
        name: Full name of the module.

    Example:
        >>> module = DelayedModule("fractions")
        >>> module.Fraction(1, 2)
        Fraction(1, 2)
    """

    def __getattr__(self, name: str) -> object:
        _forget(self)  # else the import below would find this stand-in
        return getattr(importlib.import_module(self.__name__), name)


class DelayedClass(type):
    """Creates a stand-in for a class in ``isinstance``: nothing is an instance before the module is imported.

    Example:
        >>> import sys
        >>> Fraction = DelayedClass.of("fractions", "Fraction")
        >>> isinstance(1, Fraction)
        False
        >>> from fractions import Fraction as imported
        >>> isinstance(imported(1, 2), Fraction)
        True
    """

    module: str

    @classmethod
    def of(cls, module: str, name: str) -> "DelayedClass":
        """Return the stand-in for a class of a module."""
        return cls(name, (), {"module": module})

    def __instancecheck__(cls, instance: object) -> bool:
        module = sys.modules.get(cls.module)
        if module is None or isinstance(module, DelayedModule):
            return False
        return isinstance(instance, getattr(module, cls.__name__))


@contextmanager
def delay_imports(modules: Mapping[str, Sequence[str]]) -> Iterator[None]:
    """Let the code in the block import modules without running them.

    Code that runs later imports them as usual. A module that is not installed, or is imported already, is not replaced.

    Args:
        modules: Full names of modules, each after that of its package, and the names of those of their classes that
            the code in the block reads already, for ``isinstance`` alone.

    Example:
        >>> with delay_imports({"tabnanny": []}):
        ...     import tabnanny
        >>> type(tabnanny).__name__, tabnanny.verbose
        ('DelayedModule', 0)
    """
    names = [name for name in modules if name not in sys.modules and _is_installed(name)]
    delayed = [DelayedModule(name) for name in names]
    for module in delayed:
        name, _, part = module.__name__.rpartition(".")
        package = sys.modules.get(name)
        if isinstance(package, DelayedModule):
            package.__path__ = _search_path(name)  # which `from package import part` reads
            setattr(package, part, module)
        for of_class in modules[module.__name__]:
            setattr(module, of_class, DelayedClass.of(module.__name__, of_class))
        sys.modules[module.__name__] = module
    try:
        yield
    finally:
        for module in delayed:
            for of_class in modules[module.__name__]:
                delattr(module, of_class)
            _forget(module)


@contextmanager
def pause_collection() -> Iterator[None]:
    """Collect no garbage in the block.

    Example:
        >>> import gc
        >>> with pause_collection():
        ...     gc.isenabled()
        False
        >>> gc.isenabled()
        True
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _is_installed(name: str) -> bool:
    return find_spec(name.partition(".")[0]) is not None


def _search_path(package: str) -> list[str]:
    spec = PathFinder.find_spec(package)
    return list(spec.submodule_search_locations or []) if spec else []


def _forget(delayed: DelayedModule) -> None:
    """Remove a stand-in, and those of the modules of its package, from the modules that an import finds."""
    for name, module in list(sys.modules.items()):
        if isinstance(module, DelayedModule) and f"{name}.".startswith(f"{delayed.__name__}."):
            del sys.modules[name]
