"""Records in JSON, such as the manifest of a version."""

import json
from pathlib import Path
from typing import Any

from tsforecast.errors import UserError

MAX_BYTES = 64 << 20  # of a record; its objects take up to fifty times as much memory


def read_record(path: Path, advice: str, max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    """Read a JSON object.

    Args:
        path: The file.
        advice: What to do if it is damaged.
        max_bytes: Bytes that it may have.

    Raises:
        UserError: It is too large, nested too deeply, or not a JSON object.
        OSError: It cannot be read.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "manifest.json"
        >>> _ = path.write_text('{"version": "v0001"}')
        >>> read_record(path, "promote another version")
        {'version': 'v0001'}
    """
    size = path.stat().st_size
    if size > max_bytes:
        raise UserError(f"{path} has {size:,} bytes, and at most {max_bytes:,} are read: {advice}.")
    return parse_record(path.read_bytes(), str(path), advice)


def parse_record(content: bytes, name: str, advice: str) -> dict[str, Any]:
    """Parse a JSON object.

    Args:
        content: Its bytes.
        name: Name of the file, for the message.
        advice: What to do if it is damaged.

    Raises:
        UserError: It is nested too deeply, or not a JSON object.

    Example:
        >>> parse_record(b"[" * 100_000, "result.json", "train again")
        Traceback (most recent call last):
        tsforecast.errors.UserError: result.json is damaged (nested too deeply): train again.
    """
    try:
        value = json.loads(content)
    except RecursionError:
        raise UserError(f"{name} is damaged (nested too deeply): {advice}.") from None
    except ValueError as error:
        raise UserError(f"{name} is damaged ({error}): {advice}.") from None
    if not isinstance(value, dict):
        raise UserError(f"{name} is damaged (it has no JSON object): {advice}.")
    return value
