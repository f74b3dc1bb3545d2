"""The disk of the registry, which can be full: a small file system, or a limit on the size of files."""

import os
import resource
import subprocess
from contextlib import contextmanager, suppress

MEGABYTES = 1024  # of the file system; rows and forecasts of an hour take a fraction
CHUNK = 1 << 20


class SmallDisk:
    """A tmpfs over the folder of the registry, in a mount namespace that ends with this process.

    Args:
        folder: The folder.
    """

    name = "a tmpfs filled to its last byte"

    def __init__(self, folder):
        self.folder = folder
        command = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(folder)]
        subprocess.run(command, check=True, capture_output=True)

    @contextmanager
    def full(self, process):
        """Leave no byte free while the block runs."""
        balloon = self.folder / "balloon"
        try:
            with open(balloon, "wb", buffering=0) as file:
                for size in (CHUNK, 4096, 1):
                    with suppress(OSError):
                        while file.write(b"\0" * size) == size:
                            pass
            yield
        finally:
            balloon.unlink(missing_ok=True)

    def before_start(self):
        """Called in a new process before its program starts."""

    def close(self):
        """Unmount it."""
        subprocess.run(["umount", "-l", str(self.folder)], check=True)


class LimitedFiles:
    """A limit on the size of the files of one process, where nothing can be mounted.

    Args:
        folder: Folder of the registry.
    """

    name = "a limit on the size of files (RLIMIT_FSIZE)"

    def __init__(self, folder):
        self.folder, self.is_full = folder, False

    @contextmanager
    def full(self, process):
        """Let no file of the service, or of a process that starts, grow while the block runs."""
        _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        try:
            self.is_full = True
            with suppress(ProcessLookupError):
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, hard))
            yield
        finally:
            self.is_full = False
            with suppress(ProcessLookupError):
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard))

    def before_start(self):
        """Called in a new process before its program starts."""
        if self.is_full:
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))

    def close(self):
        """Nothing to give back."""


def choose_disk(folder):
    """Return a disk for a folder."""
    if os.environ.get(NAMESPACE):
        return SmallDisk(folder)
    return LimitedFiles(folder)


NAMESPACE = "TSFORECAST_CHAOS_NAMESPACE"  # set in a process that has a mount namespace of its own


def namespace_command():
    """Return the command that gives a process a mount namespace of its own; None where that is not possible."""
    command = ["unshare", "--user", "--map-root-user", "--mount"]
    test = [*command, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    with suppress(OSError):
        if subprocess.run(test, capture_output=True, check=False).returncode == 0:
            return command
    return None
