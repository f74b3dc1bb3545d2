"""The memory, disk and GPUs of this machine, read without TensorFlow."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tsforecast.storage.memory import system_memory as system_memory


@dataclass(frozen=True)
class GPU:
    """An NVIDIA GPU.

    Args:
        name: Name that the driver reports.
        compute_capability: CUDA compute capability, for example 7.0 for a V100.
        memory_bytes: Memory of the card in bytes.
        driver: Version of the driver, for example ``580.65.06``.

    Example:
        >>> parse_gpu("Tesla V100-SXM2-32GB, 7.0, 32768, 580.65.06").compute_capability
        7.0
    """

    name: str
    compute_capability: float
    memory_bytes: int
    driver: str


def free_disk_bytes(folder: Path) -> int:
    """Return the free bytes on the disk of a folder, which need not exist yet."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def process_memory() -> int:
    """Return the resident memory of this process in bytes."""
    if sys.platform == "linux":
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def list_gpus() -> list[GPU]:
    """Return the NVIDIA GPUs that the driver reports; empty without a driver."""
    query = "name,compute_cap,memory.total,driver_version"
    try:
        output = subprocess.run(
            ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader,nounits"],
            capture_output=True, text=True, timeout=20, check=True,
        ).stdout  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return []
    return [parse_gpu(line) for line in output.splitlines() if line.count(",") == 3]


def parse_gpu(line: str) -> GPU:
    """Parse a line of nvidia-smi: name, compute capability, MiB, driver."""
    name, capability, mebibytes, driver = (part.strip() for part in line.split(","))
    return GPU(name, float(capability), int(float(mebibytes)) * 2**20, driver)
