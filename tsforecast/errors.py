"""The exception for mistakes of the user, and the words of its messages."""

import difflib
from collections.abc import Iterable

from tsforecast.installation import DISTRIBUTION, IS_CHECKOUT, extra_requirements


class UserError(ValueError):
    """A wrong config, file or value.

    The message is one sentence that says what is wrong and what to do; ``run.py`` prints it and exits with code 2.
    """


def nearest(word: str, choices: Iterable[str]) -> str:
    """Return a question about the choice that is most similar to a word, or an empty string if none is similar.

    Example:
        >>> nearest("lstn", ["gru", "lstm"])
        " Did you mean 'lstm'?"
        >>> nearest("x", ["gru", "lstm"])
        ''
    """
    matches = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.5)
    return f" Did you mean '{matches[0]}'?" if matches else ""


def install_hint(*extras: str) -> str:
    """Return the command that installs the dependencies: in a checkout by make, else by pip.

    Args:
        extras: Names in ``[project.optional-dependencies]`` of ``pyproject.toml``; none for the required ones alone.

    Example:
        >>> install_hint("serve", "export")
        'run `make setup EXTRAS=serve,export`'
        >>> install_hint()
        'run `make setup`'
    """
    if not IS_CHECKOUT:
        words = " ".join(f'"{requirement}"' for requirement in extra_requirements(*extras))
        return f"run `pip install {words}`" if words else f"install {DISTRIBUTION} again"
    return f"run `make setup EXTRAS={','.join(extras)}`" if extras else "run `make setup`"
