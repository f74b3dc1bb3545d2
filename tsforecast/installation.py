"""Where this package is: in a checkout, with ``run.py`` and ``conf/`` next to it, or installed, with ``conf`` in it."""

import re
import sys
from importlib import metadata
from pathlib import Path

DISTRIBUTION = "tsforecast-lab"
PACKAGE = Path(__file__).resolve().parent
IS_CHECKOUT = (PACKAGE.parent / "run.py").is_file() and (PACKAGE.parent / "conf").is_dir()
CONF = (PACKAGE.parent if IS_CHECKOUT else PACKAGE) / "conf"
IMPORT_ROOT = PACKAGE.parent  # the folder on the path from which the package is imported
RUN_FILE = PACKAGE.parent / "run.py" if IS_CHECKOUT else PACKAGE / "__main__.py"
_CONSOLE_COMMAND = "tsforecast"
# How messages call the command line.
COMMAND = "python run.py" if IS_CHECKOUT and Path(sys.argv[0]).stem != _CONSOLE_COMMAND else _CONSOLE_COMMAND


def extra_requirements(*extras: str) -> list[str]:
    """Return the requirements of optional dependencies, as the installed distribution states them.

    Args:
        extras: Names of extras.

    Example:
        >>> extra_requirements("nothing")
        []
    """
    try:
        stated = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return []
    named = re.compile(r"extra\s*==\s*['\"]([\w-]+)['\"]")
    requirements = []
    for requirement in stated:
        text, _, marker = requirement.partition(";")
        match = named.search(marker)
        if match and match[1] in extras:
            requirements.append(text.strip())
    return requirements
