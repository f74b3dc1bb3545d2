"""Which saved model a job means: that of a run, a version of the registry, or the champion."""

from dataclasses import dataclass
from pathlib import Path

from tsforecast.inference.dependence import FILE
from tsforecast.registry.options import RegistryOptions
from tsforecast.registry.store import CALIBRATION, Registry, Version
from tsforecast.tracking.run_folder import RunFolder


@dataclass(frozen=True)
class ModelSource:
    """A saved model and where it comes from.

    Args:
        name: Name of the version, or of the run's folder.
        model: The saved model, as ``models.io.load_model`` takes it.
        config: The YAML of its run.
        calibration: Scores that its prediction intervals start with, or None.
        dependence: How the errors of its steps go together, for sample paths, or None.
    """

    name: str
    model: Path
    config: Path
    calibration: bytes | None = None
    dependence: bytes | None = None

    @classmethod
    def from_run(cls, folder: RunFolder) -> "ModelSource":
        """Return the best model of a run."""
        calibration, dependence = _read(folder.path / CALIBRATION), _read(folder.path / FILE)
        return cls(folder.path.name, folder.best, folder.config, calibration, dependence)

    @classmethod
    def from_version(cls, version: Version) -> "ModelSource":
        """Return the model of a version, after a check of its files.

        Raises:
            UserError: A file is missing or is not what was registered.
        """
        version.check()
        dependence = _read(version.path / FILE)
        return cls(version.name, version.model, version.config, version.calibration(), dependence)


def resolve_model(options: RegistryOptions, run: str | None) -> ModelSource:
    """Return the model that ``run=FOLDER`` or ``registry.version=NAME`` names, or else the champion.

    Args:
        options: Registry, and version or None.
        run: Folder of a run, or None.

    Raises:
        UserError: There is no such run, version or champion, or its files are not those registered.
    """
    if run is not None:
        return ModelSource.from_run(RunFolder.existing(run))
    registry = Registry(options.path)
    version = registry.champion() if options.version is None else registry.version(options.version)
    return ModelSource.from_version(version)


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
