"""Check the W&B account before a run is opened: is there a key, and does the server answer?"""

import netrc
import os
import socket
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tsforecast.tracking.wandb_service import read_settings

_REACH_SECONDS = 3


def has_key(account: Any) -> bool:
    """Return whether there are credentials in the environment, in W&B's settings or in the netrc file.

    Args:
        account: W&B's settings.
    """
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    if account.api_key or account.identity_token_file:
        return True
    try:
        entry = netrc.netrc(os.environ.get("NETRC")).authenticators(urlsplit(account.base_url).netloc)
    except (OSError, netrc.NetrcParseError):
        return False
    return bool(entry and entry[2])


def may_have_key() -> bool:
    """Return whether there is any sign of credentials, without importing W&B, which takes seconds."""
    folder = os.environ.get("WANDB_CONFIG_DIR") or Path.home() / ".config" / "wandb"
    settings = Path(folder) / "settings"
    if any(os.environ.get(f"WANDB_{name}") for name in ("API_KEY", "IDENTITY_TOKEN_FILE")):
        return True
    if settings.is_file() and "api_key" in settings.read_text(encoding="utf-8"):
        return True
    return Path(os.environ.get("NETRC") or Path.home() / ".netrc").is_file()


def find_key() -> bool:
    """Return whether W&B finds credentials on this machine."""
    return has_key(read_settings())


def is_reachable(server: str) -> bool:
    """Return whether the server accepts a connection; behind a proxy only W&B itself can tell."""
    if urllib.request.getproxies():
        return True
    parts = urlsplit(server)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=_REACH_SECONDS).close()
    except OSError:
        return False
    return True
