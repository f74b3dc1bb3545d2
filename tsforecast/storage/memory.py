"""The memory of this machine, or of the container that limits it."""

import os
import re
import sys
from pathlib import Path

MEMINFO = Path("/proc/meminfo")


def system_memory() -> tuple[int, int]:
    """Return the total and the available memory in bytes, of the container if its limit is lower."""
    total, available = _meminfo()
    limit, used = _cgroup("memory.max"), _cgroup("memory.current")
    if limit is not None and limit < total:
        return limit, min(available, limit - (used or 0))
    return total, available


def _meminfo() -> tuple[int, int]:
    if MEMINFO.is_file():
        kib = {key: int(value) for key, value in re.findall(r"(\w+):\s+(\d+) kB", MEMINFO.read_text())}
        return kib["MemTotal"] * 1024, kib["MemAvailable"] * 1024
    if sys.platform == "win32":
        return _windows_memory()
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return pages, pages


def _windows_memory() -> tuple[int, int]:
    """Return total and available memory as GlobalMemoryStatusEx states them."""
    import ctypes

    # Length and load as 32-bit numbers; then 64-bit sizes, of which the first two are those of the memory.
    status = (ctypes.c_uint64 * 8)(64)
    ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))  # type: ignore[attr-defined]
    return status[1], status[2]


def _cgroup(name: str) -> int | None:
    path = Path("/sys/fs/cgroup") / name
    text = path.read_text().strip() if path.is_file() else "max"
    return int(text) if text.isdigit() else None
