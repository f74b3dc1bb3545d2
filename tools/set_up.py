"""Make ``.venv`` and install ``requirements.txt`` and optional extras into it; every make target calls this first.

Does nothing if that has been done. Installs with uv, which it puts into the environment, or with pip if uv cannot be
installed. A set-up that was interrupted leaves a mark, and the next one makes a new environment. Extras stay installed:
later set-ups need not name them again. Needs nothing but Python 3.6 or later, so that a Python that is too old for the
package gets a sentence and not a syntax error.
"""

import argparse
import ast
import hashlib
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
REQUIREMENTS = ROOT / "requirements.txt"
PROJECT = ROOT / "pyproject.toml"
PACKAGE = ROOT / "tsforecast"
DONE = VENV / "set-up"  # holds what was installed: Python's version, the hash of the pins, and the extras
BEGUN = VENV / "set-up-begun"
OLDEST, NEWEST = (3, 10), (3, 13)


class SetUpError(Exception):
    """An error message of one sentence: what is wrong and what to do."""


def set_up(exact: bool, extras: str = "") -> None:
    """Bring ``.venv`` up to date.

    Args:
        exact: Accept only an environment of the running Python's version; replace one of another version.
        extras: Names of extras in ``pyproject.toml`` to install too, separated by commas.

    Raises:
        SetUpError: This Python is too old, too new or without venv, there is no such extra, or a package could not be
            installed.
    """
    named = [name for name in re.split(r"[ ,]+", extras) if name]
    wanted = sorted({*named, *_installed_extras()})
    needed = _extra_requirements(wanted)
    present = _version(PYTHON)
    fits = bool(present) and (not exact or present == sys.version_info[:2])
    if fits and DONE.is_file() and DONE.read_text() == _mark(wanted):
        return
    if not fits or BEGUN.exists() or not _runs(PYTHON, "-m", "pip", "--version"):
        _create()
    print("Setting up .venv; the first time takes a few minutes.", flush=True)
    started = time.monotonic()
    BEGUN.write_text(_mark(wanted))
    if DONE.exists():
        DONE.unlink()
    _install(needed)
    DONE.write_text(_mark(wanted))
    BEGUN.unlink()
    print("Set up .venv in %.0f s." % (time.monotonic() - started), flush=True)


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


def _install(extras: list) -> None:
    pip = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--require-hashes"]
    uv, pin = VENV / "bin" / "uv", VENV / "uv.txt"
    pin.write_text(_pin("uv"))
    if _runs(*pip, "-r", pin) and _runs(uv, "--version"):
        # pip compiles what it installs, uv only with this option; otherwise the first import does, or, where
        # PYTHONDONTWRITEBYTECODE is set, every run: importing TensorFlow then takes three times as long.
        install = [uv, "pip", "install", "--python", PYTHON, "--compile-bytecode"]
    else:
        install = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--use-pep517"]
    commands = [[*install, "--require-hashes", "-r", REQUIREMENTS]]
    if extras:
        constraints = (
            VENV / "constraints.txt"
        )  # the pins without their hashes: an extra may need further packages
        constraints.write_text(
            "\n".join(re.findall(r"(?m)^([\w.-]+==[^\\\n]*)", REQUIREMENTS.read_text())) + "\n"
        )
        commands.append([*install, "-c", constraints, *extras])
    for command in commands:
        if _call_with_progress([str(part) for part in command]):
            raise SetUpError("The packages could not be installed (see above); the same command tries again.")
    _runs(PYTHON, "-m", "compileall", "-q", PACKAGE)


def _call_with_progress(command: list) -> int:
    """Run an installer and return its exit code; its newest line is shown in place, and all lines if it fails."""
    shown = sys.stdout.isatty()
    lines = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True
    ) as process:
        for line in process.stdout:
            lines.append(line)
            if shown and line.strip() and not line.startswith(" + "):  # uv ends with a line per package
                _show(line.strip())
    if shown:
        _show("")
    if process.returncode:
        sys.stderr.write("".join(lines))
    return process.returncode


def _show(text: str) -> None:
    """Replace the last line of the terminal."""
    width = shutil.get_terminal_size().columns - 1
    sys.stdout.write("\r" + text[:width].ljust(width) + ("" if text else "\r"))
    sys.stdout.flush()


def _extra_requirements(names: list) -> list:
    """The requirements of extras, from ``pyproject.toml``; Python has a reader of TOML only since 3.11."""
    _, _, section = PROJECT.read_text().partition("[project.optional-dependencies]\n")
    lists = re.findall(r"(?ms)^([\w-]+) = (\[.*?\])[ \t]*(?:#[^\n]*)?$", section.split("\n[")[0])
    known = {name: ast.literal_eval(text) for name, text in lists}
    for name in names:
        if name not in known:
            raise SetUpError(f"There is no extra '{name}': choose from {', '.join(known)}.")
    return [requirement for name in names for requirement in known[name]]


def _installed_extras() -> list:
    """The extras that an earlier set-up installed, or was installing when it was interrupted."""
    text = next((file.read_text() for file in (BEGUN, DONE) if file.is_file()), "")
    return [name for name in text.partition("extras ")[2].strip().split(", ") if name]


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


def _mark(extras: list) -> str:
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    listed = f"extras {', '.join(extras)}\n" if extras else ""
    return f"Python {_version(PYTHON)}, requirements {digest}\n{listed}"


def _runs(*command: object) -> bool:
    words = [str(part) for part in command]
    try:
        return subprocess.call(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def main() -> None:
    """Set up ``.venv``, or exit with a message."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--exact", action="store_true", help="only the running Python's version will do")
    parser.add_argument("--extras", default="", help="optional dependencies, as in serve,export")
    options = parser.parse_args()
    try:
        set_up(options.exact, options.extras)
    except SetUpError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("Interrupted; the same command starts the set-up again.")


if __name__ == "__main__":
    main()
