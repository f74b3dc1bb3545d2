"""Adds and promotes a version, and dies before the nth call that touches the disk: arguments N and FOLDER."""

import builtins
import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))
from tsforecast.registry import Registry, files, store

left, folder = int(sys.argv[1]), Path(sys.argv[2])


def mortal(call):
    """The call, until the count is used up."""

    def counted(*args, **kwargs):
        global left
        left -= 1
        if left < 0:
            os._exit(9)
        return call(*args, **kwargs)

    return counted


for name in ("fsync", "replace", "rename"):
    setattr(os, name, mortal(getattr(os, name)))
files.open = mortal(builtins.open)
files.shutil.copyfileobj = mortal(shutil.copyfileobj)
store.shutil.rmtree = mortal(shutil.rmtree)

registry = Registry(folder / "registry")
version = registry.add(
    folder / "best.keras", config="seed: 1\n", result={"model": "lstm"}, lineage={"run": "b"}
)
registry.promote(version.name, "better")
