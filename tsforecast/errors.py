"""The one exception for mistakes a user can mend; run.py prints it as one sentence and exits with 2."""

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """A wrong config, file or value: the message is one sentence saying what is wrong and what to do."""


def nearest(word: str, choices: Iterable[str]) -> str:
    """Returns `` Did you mean 'x'?`` for the choice nearest to ``word``, or an empty string when none is near."""
    found = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.5)
    return f" Did you mean '{found[0]}'?" if found else ""
