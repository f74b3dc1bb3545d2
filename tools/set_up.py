"""Create ``.venv`` and install ``requirements.txt`` into it. Every make target calls this script; it needs only Python.

Does nothing if the environment is up to date. Installs with uv, which it puts into the environment, or with pip if uv
is not available. An interrupted set-up leaves a marker file, and the next one creates the environment again.
Runs on any Python from 3.6 on, so that a version that is too old for the package gets a clear message.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
REQUIREMENTS = ROOT / "requirements.txt"
DONE = VENV / "set-up"  # contains what was installed: Python's version and the hash of the pins
BEGUN = VENV / "set-up-begun"
OLDEST, NEWEST = (3, 10), (3, 13)


class SetUpError(Exception):
    """An error message of one sentence: what is wrong and what to do."""


def set_up(exact: bool) -> None:
    """Bring ``.venv`` up to date.

    Args:
        exact: Require the version of the running Python, and create the environment again if it has another.

    Raises:
        SetUpError: This Python is too old, too new or lacks venv, or a package could not be installed.
    """
    present = _version(PYTHON)
    fits = bool(present) and (not exact or present == sys.version_info[:2])
    if fits and DONE.is_file() and DONE.read_text() == _mark():
        return
    if not fits or BEGUN.exists() or not _runs(PYTHON, "-m", "pip", "--version"):
        _create()
    print("Setting up .venv; the first time takes a few minutes.", flush=True)
    BEGUN.touch()
    if DONE.exists():
        DONE.unlink()
    _install()
    DONE.write_text(_mark())
    BEGUN.unlink()


def _create() -> None:
    version = sys.version_info[:2]
    if not OLDEST <= version <= NEWEST:
        raise SetUpError(
            f"This is Python {version[0]}.{version[1]}, and tsforecast needs 3.10 to 3.13: "
            "name one, as in `make setup PYTHON=python3.12`."
        )
    shutil.rmtree(str(VENV), ignore_errors=True)
    # The base interpreter: that of an activated .venv has been deleted above.
    base = getattr(sys, "_base_executable", sys.executable)
    if not _runs(base, "-m", "venv", VENV):
        raise SetUpError(f"{base} cannot create .venv: on Debian and Ubuntu, `apt install python3-venv`.")


def _install() -> None:
    pip = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--require-hashes"]
    uv, pin = VENV / "bin" / "uv", VENV / "uv.txt"
    pin.write_text(_pin("uv"))
    if _runs(*pip, "-r", pin) and _runs(uv, "--version"):
        command = [uv, "pip", "install", "--python", PYTHON, "--require-hashes", "-r", REQUIREMENTS]
    else:
        command = [*pip, "--use-pep517", "-r", REQUIREMENTS]
    if subprocess.call([str(part) for part in command]):
        raise SetUpError("The packages could not be installed (see above); the same command tries again.")


def _pin(name: str) -> str:
    """Return the lines of ``requirements.txt`` that pin one package."""
    _, separator, rest = ("\n" + REQUIREMENTS.read_text()).partition(f"\n{name}==")
    if not separator:
        raise SetUpError(f"requirements.txt does not pin {name}: create it again with `make lock`.")
    lines = f"{name}=={rest}".split("\n")
    last = next(number for number, line in enumerate(lines) if not line.endswith("\\"))
    return "\n".join(lines[: last + 1]) + "\n"


def _version(python: Path) -> tuple:
    """Return the version of an interpreter, as in (3, 12); empty if it does not run."""
    code = "import sys; print(*sys.version_info[:2])"
    try:
        printed = subprocess.check_output([str(python), "-c", code], stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        return ()
    return tuple(int(number) for number in printed.split())


def _mark() -> str:
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    return f"Python {_version(PYTHON)}, requirements {digest}\n"


def _runs(*command: object) -> bool:
    words = [str(part) for part in command]
    try:
        return subprocess.call(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def main() -> None:
    """Set up ``.venv``, or exit with a message."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--exact", action="store_true", help="require the version of the running Python")
    try:
        set_up(parser.parse_args().exact)
    except SetUpError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("Interrupted; run the same command to start the set-up again.")


if __name__ == "__main__":
    main()
