"""Adds and promotes a version, and dies before the nth call that touches the disk, for every n there is.

``python registry_kill.py BASE OUT`` copies BASE to OUT/0, OUT/1, ... and works in each, in a fork of its own, until one
of them ends by itself; it prints the exit codes.
"""

import builtins
import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from tsforecast import files as atomic_files
from tsforecast.registry import Registry, files, store

left = 0


def mortal(call):
    """The call, until the count is used up."""

    def counted(*args, **kwargs):
        global left
        left -= 1
        if left < 0:
            os._exit(9)
        return call(*args, **kwargs)

    return counted


def work(folder, calls):
    """Runs in the fork, and never returns."""
    global left
    left = calls
    for name in ("fsync", "replace", "rename"):
        setattr(os, name, mortal(getattr(os, name)))
    files.open = mortal(builtins.open)
    atomic_files.open = mortal(builtins.open)
    Path.write_bytes = mortal(Path.write_bytes)
    files.shutil.copyfileobj = mortal(shutil.copyfileobj)
    store.shutil.rmtree = mortal(shutil.rmtree)
    registry = Registry(folder / "registry")
    version = registry.add(folder / "best.keras", config="seed: 1\n", result={"model": "lstm"}, lineage={})
    registry.promote(version.name, "better")
    os._exit(0)


if __name__ == "__main__":
    base, out = map(Path, sys.argv[1:])
    codes = []
    while 0 not in codes:
        folder = out / str(len(codes))
        shutil.copytree(base, folder)
        child = os.fork()
        if child == 0:
            work(folder, len(codes))
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    print(*codes)
