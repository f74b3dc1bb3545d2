"""The form of layers in an exported graph, which any runtime can read.

A graph made inside ``portable`` contains plain formulas and loops: no custom gradients, no cuDNN operations, and XLA
programs only on request.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_FORM: ContextVar[str | None] = ContextVar("form", default=None)


@contextmanager
def portable(*, programs: bool = False) -> Iterator[None]:
    """Let layers that are called in the block take their portable form.

    Args:
        programs: Whether to leave the time loops of recurrent layers to XLA, which every TensorFlow includes and other
            runtimes lack.

    Example:
        >>> with portable():
        ...     is_portable(), is_plain()
        (True, True)
    """
    token = _FORM.set("programs" if programs else "plain")
    try:
        yield
    finally:
        _FORM.reset(token)


def is_portable() -> bool:
    """Whether the current graph is for export."""
    return _FORM.get() is not None


def is_plain() -> bool:
    """Whether the current graph is for export to a runtime without XLA."""
    return _FORM.get() == "plain"
