"""Words within dates: names of months in several languages, and days of the week, which tell nothing more."""

import re
from collections.abc import Iterable
from functools import cache

# English, German, French, Spanish, Italian, Portuguese, Dutch, Danish, Swedish.
NAMES = (
    "january januar janvier enero gennaio janeiro januari",
    "february februar février fevrier febrero febbraio fevereiro februari",
    "march märz maerz mars marzo março marco maart marts",
    "april avril abril aprile",
    "may mai mayo maggio maio mei maj",
    "june juni juin junio giugno junho",
    "july juli juillet julio luglio julho",
    "august août aout agosto augustus augusti",
    "september septembre septiembre settembre setembro",
    "october oktober octobre octubre ottobre outubro",
    "november novembre noviembre novembro",
    "december dezember décembre decembre diciembre dicembre dezembro",
)
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
LETTERS = "[A-Za-z\u00c0-\u017f]"
WEEKDAYS = (
    "mon|tues?|wed|thu|thurs?|fri|sat|sun|(?:mon|tues|wednes|thurs|fri|satur|sun)day|mo|di|mi|do|fr|sa|so"
    "|(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch|sonnabend|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche"
    "|lunes|martes|miércoles|jueves|viernes|sábado|domingo|lunedì|martedì|mercoledì|giovedì|venerdì|sabato|domenica"
)
WEEKDAY = rf"^(?i:{WEEKDAYS})\.?,?\s+"


def month_number(word: str) -> int:
    """Return the month, 1 to 12, that a name or the beginning of a name denotes; 0 if there is none or several.

    Example:
        >>> [month_number(word) for word in ("Sept.", "Mär", "août", "dez", "jui", "Monday")]
        [9, 3, 8, 12, 0, 0]
    """
    word = word.lower().rstrip(".")
    if word[:3] in MONTHS:
        return MONTHS.index(word[:3]) + 1
    return _beginning(word) if len(word) >= 3 else 0


def month_numbers(words: Iterable[str]) -> list[int]:
    """Return the months of words."""
    return [month_number(word) for word in words]


@cache
def _beginning(word: str) -> int:
    months = {
        number
        for number, names in enumerate(NAMES, 1)
        if any(name.startswith(word) for name in names.split())
    }
    return months.pop() if len(months) == 1 else 0


def without_weekday(text: str) -> str:
    """Return a date without the day of the week before it.

    Example:
        >>> without_weekday("Mon, 01 Jan 2024")
        '01 Jan 2024'
    """
    return re.sub(WEEKDAY, "", text)
