"""A separate interpreter with PyTorch and NeuralForecast, so that ``.venv`` is not changed."""

import subprocess
import sys
from pathlib import Path

from benchmarks.turns import ROOT

VENV = ROOT / ".venv-bench"
NEEDED = "import torch, neuralforecast"


def peers_python(path=None):
    """Return the path of an interpreter with the extra ``bench``; create ``.venv-bench`` unless ``path`` is set.

    Raises:
        SystemExit: The interpreter lacks a library, or ``.venv-bench`` could not be created.
    """
    python = Path(path) if path else VENV / "bin" / "python"
    if has_libraries(python):
        return str(python)
    if path:
        raise SystemExit(f"--peers-python {path} cannot `{NEEDED}`: pip install {' '.join(requirements())}")
    print(
        "Setting up .venv-bench with PyTorch and NeuralForecast; the first time takes a few minutes.",
        flush=True,
    )
    uv = Path(sys.executable).with_name("uv")
    commands = [
        [uv, "venv", "--clear", "--python", sys.executable, VENV],
        # The build for this machine: the default one contains gigabytes of CUDA libraries.
        [uv, "pip", "install", "--python", python, "--torch-backend", "auto", *requirements()],
    ]
    for command in commands:
        try:
            subprocess.run([str(word) for word in command], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise SystemExit(
                f".venv-bench could not be set up ({error}): create one yourself and name it, `make bench"
                ' ARGS="--peers-python PATH"`, or leave the peers out with --peers-python none.'
            ) from error
    return str(python)


def has_libraries(python):
    """Return whether an interpreter runs and has the libraries."""
    try:
        return subprocess.run([str(python), "-c", NEEDED], capture_output=True).returncode == 0
    except OSError:
        return False


def requirements():
    """Return the extra ``bench`` of pyproject.toml."""
    try:
        import tomllib
    except ModuleNotFoundError:  # Python 3.10
        import tomli as tomllib
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["bench"]
