"""The packages that a machine without network needs for ``benchmarks.gpu``: ``python -m benchmarks.gpu --wheels jax``.

Prints ``name==version`` lines for Linux. On a machine with network, ``pip download --only-binary :all: -r LIST -d
wheels`` fetches their files; on the other one, ``pip install --no-index --find-links wheels -r LIST`` installs them.
"""

import re
import subprocess
import sys
from pathlib import Path

from benchmarks.turns import ROOT

LIBRARIES = {
    "tensorflow": ["tensorflow[and-cuda]>=2.21,<2.22", "nvidia-cudnn-cu12>=9.3,<9.11"],
    "jax": ["jax[cuda12]>=0.7"],
    "torch": ["torch>=2.6"],
}
UNUSED = ("tensorflow", "wandb")  # the backend is in LIBRARIES, and nothing is tracked


def list_wheels(backend, python=f"{sys.version_info[0]}.{sys.version_info[1]}"):
    """Return the pinned packages for a backend and PyTorch's or our own steps on it, resolved for Linux."""
    command = [
        Path(sys.executable).with_name("uv"), "pip", "compile", "--quiet", "--no-header", "--no-annotate",
        "--python-version", python, "--python-platform", "x86_64-unknown-linux-gnu", "-",
    ]  # fmt: skip
    done = subprocess.run(
        list(map(str, command)),
        input="\n".join(requirements(backend)),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(done.stderr.strip())
    return [line for line in done.stdout.splitlines() if line.strip()]


def requirements(backend):
    """Return what ``pyproject.toml`` requires, with another backend in place of TensorFlow."""
    _, _, section = (ROOT / "pyproject.toml").read_text().partition("\ndependencies = [\n")
    entries = re.findall(r'^\s+"([^"]+)"', section.partition("\n]")[0], re.MULTILINE)
    return [entry for entry in entries if re.split(r"[<>=\[ ]", entry)[0] not in UNUSED] + LIBRARIES[backend]
