"""Mapped files whose pages are given back before they add up to the size of the file."""

import mmap
import sys
import threading
import time
import weakref
from pathlib import Path

MAX_BYTES = (
    192 << 20
)  # of mapped pages that are kept in this process; what is given back stays in the system's cache
INTERVAL = 0.005  # seconds between two looks at how many there are
STATM = Path("/proc/self/statm")

_maps: "weakref.WeakSet[mmap.mmap]" = weakref.WeakSet()
_lock = threading.Lock()
_thread: threading.Thread | None = None
_kept = 0  # bytes of mapped files, programs included, after pages were given back


def map_file(path: Path) -> mmap.mmap:
    """Return a file mapped for reading; its pages are given back as they add up.

    Args:
        path: File that is not empty and does not change.
    """
    with open(path, "rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    _watch(mapped)
    return mapped


def advise_random(mapped: mmap.mmap) -> None:
    """Tell the system that a map is read at random, so that it reads no more than what is asked for."""
    if hasattr(mmap, "MADV_RANDOM"):
        mapped.madvise(mmap.MADV_RANDOM)


def release_pages() -> None:
    """Give back all pages of mapped files; those that are needed again are mapped again."""
    for mapped in list(_maps):
        if not mapped.closed:
            mapped.madvise(mmap.MADV_DONTNEED)


def mapped_bytes() -> int:
    """Return how many bytes of files, programs included, are mapped and resident in this process."""
    return int(STATM.read_text().split()[2]) * mmap.PAGESIZE


def _watch(mapped: mmap.mmap) -> None:
    """Add a map to those that the watching thread looks after, and start it if there is none."""
    global _thread, _kept
    if sys.platform != "linux":  # elsewhere the system decides alone
        return
    with _lock:
        _maps.add(mapped)
        if _thread is None:
            _kept = mapped_bytes()
            _thread = threading.Thread(target=_give_back, name="mapped pages", daemon=True)
            _thread.start()


def trim() -> None:
    """Give back the pages of mapped files if more than ``MAX_BYTES`` of them have come together."""
    global _kept
    if not _maps:
        return
    now = mapped_bytes()
    if now - _kept > MAX_BYTES:
        release_pages()
        now = mapped_bytes()
        _kept = now
    _kept = min(_kept, now)


def _give_back() -> None:
    """Trim again and again, until nothing is mapped any more."""
    global _thread
    while True:
        with _lock:
            if not _maps:
                _thread = None
                return
        trim()
        time.sleep(INTERVAL)
