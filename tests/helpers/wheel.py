"""Builds the wheel from a copy of the tracked files, without network, and installs it into a folder."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PARTS = ("tsforecast", "conf", "experiments", "setup.py", "pyproject.toml", "README.md", "LICENSE")


def build_wheel(folder):
    """Return the wheel, built in a folder that is not the checkout: setuptools leaves files where it builds."""
    source = folder / "source"
    ignore = shutil.ignore_patterns("__pycache__")
    for name in PARTS:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=ignore)
        else:
            source.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    build = f"from setuptools import build_meta; build_meta.build_wheel({str(folder)!r})"
    done = subprocess.run([sys.executable, "-c", build], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "absent from the `packages`" not in done.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(wheel, folder):
    """Install a wheel alone; its dependencies are those of this interpreter."""
    command = ["uv", "pip", "install", "--offline", "--no-deps", "--python", sys.executable]
    subprocess.run(
        [sys.executable, "-m", *command, "--target", str(folder), str(wheel)],
        capture_output=True, check=True,
    )  # fmt: skip
    return folder


def environment(*folders):
    """The environment of a process that imports packages from these folders before any other."""
    inherited = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**inherited, "PYTHONPATH": os.pathsep.join(map(str, folders)), "PYTHONSAFEPATH": "1"}
