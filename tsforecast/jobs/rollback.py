"""job=rollback: the champion before this one back into service; needs no TensorFlow."""

from contextlib import suppress
from pathlib import Path

from tsforecast.config import Config
from tsforecast.registry import Registry


def main(config: Config, path: Path) -> None:
    """Moves the champion back; once more goes one further back."""
    with suppress(OSError):
        path.rmdir()  # this command leaves nothing in a folder of its own
    registry = Registry(config.registry.path)
    left = registry.champion_name()
    version = registry.rollback(config.registry.why or "by hand")
    print(f"{version.name} ({version.manifest.get('model')}) is the champion again, after {left}.")
    print(version.path, flush=True)
