"""The progress bar of a training in a notebook."""

import html
import sys
from typing import Any


def in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook; IPython is not imported for it.

    Example:
        >>> in_notebook()
        False
    """
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and "IPKernelApp" in shell.config


class NotebookBar:
    """A bar that is drawn in the output of the running cell, and removed at the end.

    Args:
        total: Last step; None if only time ends the training, for a bar without an end.
    """

    def __init__(self, total: int | None):
        from IPython.display import HTML, display

        self._total, self._html = total, HTML
        self._handle: Any = display(HTML(""), display_id=True)

    def draw(self, epoch: int, step: int, figures: str) -> None:
        """Show how far the training is.

        Args:
            epoch: Number of the epoch.
            step: Steps that are done.
            figures: Speed, loss and remaining time.
        """
        self._handle.update(self._html(render_bar(self._total, epoch, step, figures)))

    def close(self) -> None:
        """Remove the bar."""
        self._handle.update(self._html(""))


def render_bar(total: int | None, epoch: int, step: int, figures: str) -> str:
    """Return the bar as HTML.

    Example:
        >>> render_bar(40, 2, 10, "loss 0.5")
        '<progress value="10" max="40"></progress> epoch 2, step 10 of 40, loss 0.5'
    """
    bar = f'<progress value="{step}" max="{total}"></progress>' if total else "<progress></progress>"
    count = f"{step:,} of {total:,}" if total else f"{step:,}"
    return f"{bar} epoch {epoch}, step {count}, {html.escape(figures)}"
