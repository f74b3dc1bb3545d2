"""A PostgreSQL server of a test's own: in a temporary folder, on a free port of this machine, with a password."""

import os
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

USER, PASSWORD = "reader", "pass-%41-of-the-reader"


def find_server():
    """Return the folder with the programs of PostgreSQL, or None."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


@contextmanager
def postgres_server():
    """Start a server with an empty database ``plant`` and the user ``reader``; yield its port."""
    programs, as_user = find_server(), []
    if os.geteuid() == 0:  # the server refuses to run as root
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        if as_user:
            shutil.chown(folder, "postgres")
        data, secret = Path(folder) / "data", Path(folder) / "secret"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]

        def run(program, *arguments):
            command = [*as_user, programs / program, *arguments]
            subprocess.run(command, check=True, capture_output=True, cwd=folder, timeout=120)

        run(
            "initdb", "-D", data, "-U", USER, f"--pwfile={secret}", "--auth=scram-sha-256", "-E", "UTF8",
            "--no-sync", "--locale=C",
        )  # fmt: skip
        options = (
            f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
        )
        run("pg_ctl", "-D", data, "-w", "-o", options, "-l", Path(folder) / "log", "start")
        try:
            yield port
        finally:
            run("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
