"""The interpreter that PyTorch and NeuralForecast live in: one of its own, so that ``.venv`` stays as it is."""

import subprocess
import sys
from pathlib import Path

from benchmarks.turns import ROOT

VENV = ROOT / ".venv-bench"
NEEDED = "import torch, neuralforecast"


def peers_python(given=None):
    """The path of an interpreter with the extra ``bench``; makes ``.venv-bench`` unless one is given.

    Raises:
        SystemExit: the one given lacks a library, or it could not be made.
    """
    python = Path(given) if given else VENV / "bin" / "python"
    if has_libraries(python):
        return str(python)
    if given:
        raise SystemExit(f"--peers-python {given} cannot `{NEEDED}`: pip install {' '.join(requirements())}")
    print(
        "Setting up .venv-bench with PyTorch and NeuralForecast; the first time takes a few minutes.",
        flush=True,
    )
    uv = Path(sys.executable).with_name("uv")
    made = [
        [uv, "venv", "--clear", "--python", sys.executable, VENV],
        # The build for this machine: the one on the registry carries CUDA, GBs that a laptop has no use for.
        [uv, "pip", "install", "--python", python, "--torch-backend", "auto", *requirements()],
    ]
    for command in made:
        try:
            subprocess.run([str(word) for word in command], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise SystemExit(
                f".venv-bench could not be set up ({error}): make one yourself and name it, `make bench"
                ' ARGS="--peers-python PATH"`, or leave the peers out with --peers-python none.'
            ) from error
    return str(python)


def has_libraries(python):
    """Whether an interpreter runs and has the peers."""
    try:
        return subprocess.run([str(python), "-c", NEEDED], capture_output=True).returncode == 0
    except OSError:
        return False


def requirements():
    """The extra ``bench`` of pyproject.toml."""
    try:
        import tomllib
    except ModuleNotFoundError:  # Python 3.10
        import tomli as tomllib
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["bench"]
