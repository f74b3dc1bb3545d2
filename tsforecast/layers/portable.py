"""The form that layers take in a graph that leaves the package: any runtime can read it.

A graph made inside ``portable`` holds plain formulas and loops: no gradient of its own, nothing of cuDNN, and no
program that only XLA can run unless it is asked for.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_FORM: ContextVar[str | None] = ContextVar("form", default=None)


@contextmanager
def portable(*, programs: bool = False) -> Iterator[None]:
    """Layers that are called inside write themselves so.

    Args:
        programs: leave the time loops of recurrent layers to XLA, which every TensorFlow has and other runtimes lack.
    """
    token = _FORM.set("programs" if programs else "plain")
    try:
        yield
    finally:
        _FORM.reset(token)


def is_portable() -> bool:
    """Whether the graph that is being made shall leave the package."""
    return _FORM.get() is not None


def is_plain() -> bool:
    """Whether it shall do without XLA too."""
    return _FORM.get() == "plain"
