"""What this machine has: memory, disk, processor, cards; read without TensorFlow."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

MEMINFO = Path("/proc/meminfo")


@dataclass(frozen=True)
class Card:
    """A GPU.

    Args:
        name: as its driver calls it.
        compute_capability: such as 7.0 for a V100.
        memory_bytes: of the card.
        driver: version, such as 580.65.06.
    """

    name: str
    compute_capability: float
    memory_bytes: int
    driver: str


def memory_bytes() -> tuple[int, int]:
    """Total and available memory of the machine, or of the container where that is less."""
    total, available = _meminfo()
    limit, used = _cgroup("memory.max"), _cgroup("memory.current")
    if limit is not None and limit < total:
        return limit, min(available, limit - (used or 0))
    return total, available


def _meminfo() -> tuple[int, int]:
    if MEMINFO.is_file():
        kib = {key: int(value) for key, value in re.findall(r"(\w+):\s+(\d+) kB", MEMINFO.read_text())}
        return kib["MemTotal"] * 1024, kib["MemAvailable"] * 1024
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return pages, pages


def _cgroup(name: str) -> int | None:
    path = Path("/sys/fs/cgroup") / name
    text = path.read_text().strip() if path.is_file() else "max"
    return int(text) if text.isdigit() else None


def disk_free_bytes(folder: Path) -> int:
    """Free bytes where ``folder`` is or would be."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def resident_bytes() -> int:
    """Memory this process holds now."""
    if sys.platform == "linux":
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def cards() -> list[Card]:
    """The NVIDIA cards that the driver shows; none without a driver."""
    query = "name,compute_cap,memory.total,driver_version"
    try:
        shown = subprocess.run(
            ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader,nounits"],
            capture_output=True, text=True, timeout=20, check=True,
        ).stdout  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return []
    return [parse_card(line) for line in shown.splitlines() if line.count(",") == 3]


def parse_card(line: str) -> Card:
    """A card from a line of nvidia-smi: name, compute capability, MiB, driver."""
    name, capability, mebibytes, driver = (part.strip() for part in line.split(","))
    return Card(name, float(capability), int(float(mebibytes)) * 2**20, driver)
