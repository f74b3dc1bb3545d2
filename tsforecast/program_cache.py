"""Programs that XLA compiled for the CPU, kept on disk, so that the same model is compiled once per machine.

Compiling a train step takes longer than a hundred of its calls. TensorFlow can store compiled programs in a folder and
load them in a later process: a second run of a model, each job of a sweep, and a service that starts again.

A stored program is valid for one version of TensorFlow, one processor and one number of cores, so each combination has
a folder of its own. A damaged file would end a run, and so would a folder that cannot be written: files that are not
whole are removed, and without a writable folder with free space nothing is stored. ``TSFORECAST_PROGRAM_CACHE`` names
another folder, or is ``off``; a value of ``TF_XLA_FLAGS`` that names a folder stays as it is.
"""

import hashlib
import os
import shutil
from importlib import metadata
from pathlib import Path
from typing import BinaryIO

VARIABLE = "TSFORECAST_PROGRAM_CACHE"
MAX_BYTES = 500_000_000  # of programs; the oldest are removed
MIN_FREE_BYTES = 1_000_000_000
_OPTION = "--tf_xla_persistent_cache_directory="
_DEVICES = "--tf_xla_persistent_cache_device_types=CPU"
# What a program depends on in addition to the model, from the environment.
_SETTINGS = (
    "XLA_FLAGS",
    "TF_XLA_FLAGS",
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_NUM_INTRAOP_THREADS",
    "OMP_NUM_THREADS",
)


def enable_program_cache(processor: str, threads: int | None = None) -> Path | None:
    """Let TensorFlow, which must not have compiled anything yet, keep its programs; return their folder.

    Args:
        processor: Name, cores and instruction sets of the processor.
        threads: Threads of TensorFlow, None for all cores.

    Returns:
        The folder, or None if the user chose not to keep programs or no folder can be used.
    """
    base, flags = cache_folder(), os.environ.get("TF_XLA_FLAGS", "")
    if base is None or _OPTION in flags:
        return None
    folder = base / "programs" / _key(processor, threads)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK) or shutil.disk_usage(folder).free < MIN_FREE_BYTES:
            return None
        clean(folder)
    except OSError:
        return None
    os.environ["TF_XLA_FLAGS"] = f"{flags} {_OPTION}{folder} {_DEVICES}".strip()
    return folder


def cache_folder() -> Path | None:
    """Return the folder of what this machine keeps from one run for the next; None if the user wants nothing kept."""
    chosen = os.environ.get(VARIABLE, "")
    if chosen == "off":
        return None
    return Path(chosen or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tsforecast")


def clean(folder: Path) -> None:
    """Remove programs that are not whole, and the oldest ones above ``MAX_BYTES``."""
    total = 0
    for path in sorted(folder.glob("*.pb"), key=lambda path: -path.stat().st_mtime):
        total += path.stat().st_size
        if total > MAX_BYTES or not is_whole(path):
            path.unlink(missing_ok=True)


def is_whole(path: Path) -> bool:
    r"""Return whether a file ends where its outermost protocol buffer fields do.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "program.pb"
        >>> path.write_bytes(b"\x0a\x03abc"), is_whole(path)
        (5, True)
        >>> path.write_bytes(b"\x0a\x03ab"), is_whole(path)
        (4, False)
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        while file.tell() < size:
            if _read_number(file) & 7 != 2:  # every field has a length
                return False
            length = _read_number(file)
            if file.tell() + length > size:
                return False
            file.seek(length, os.SEEK_CUR)
    return size > 0


def _read_number(file: BinaryIO) -> int:
    value, shift = 0, 0
    while True:
        byte = file.read(1)
        if not byte:
            return 2**62
        value |= (byte[0] & 127) << shift
        if byte[0] < 128:
            return value
        shift += 7


def _key(processor: str, threads: int | None) -> str:
    settings = [os.environ.get(name, "") for name in _SETTINGS]
    facts = [metadata.version("tensorflow"), processor, str(threads), *settings]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]
