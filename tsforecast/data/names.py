"""Column names as a command line gives them: numbers and booleans are names too."""

from collections.abc import Iterable, Sequence


def match_names(named: object, candidates: Sequence[str]) -> tuple[str, ...]:
    """Return the names that a value or a list of values means.

    Args:
        named: Names; a number, boolean or null means the column whose name is written so. None for no names.
        candidates: Names of the columns.

    Example:
        >>> match_names([0, "OT", True], ["0", "true", "OT"])
        ('0', 'OT', 'true')
    """
    if named is None:
        return ()
    values: Iterable[object] = [named] if isinstance(named, str) or not isinstance(named, Iterable) else named
    return tuple(value if isinstance(value, str) else _match(value, candidates) for value in values)


def _match(value: object, candidates: Sequence[str]) -> str:
    text = "null" if value is None else str(value)
    if text in candidates:
        return text
    return next((name for name in candidates if _means(name, value)), text)


def _means(name: str, value: object) -> bool:
    if isinstance(value, bool):
        return name.lower() == str(value).lower()
    try:
        return float(name) == value
    except ValueError:
        return False
