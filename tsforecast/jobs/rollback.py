"""job=rollback: put the previous champion back in service; needs no TensorFlow."""

from pathlib import Path

from tsforecast.config import Config
from tsforecast.files import display_path, remove_if_empty
from tsforecast.registry import Registry
from tsforecast.registry.tracking import report_champion


def main(config: Config, path: Path) -> None:
    """Return to the previous champion; the same command again goes one further back."""
    remove_if_empty(path)
    registry = Registry(config.registry.path)
    before = registry.champion_name()
    version = registry.rollback(config.registry.why or "by hand")
    report_champion(version)
    print(f"{version.name} ({version.manifest.get('model')}) is the champion again, after {before}.")
    print(display_path(version.path), flush=True)
