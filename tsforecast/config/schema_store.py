"""The typed roots of the jobs in Hydra's store: a command composes one of them, so each is built when it is loaded."""

from collections.abc import Iterable
from functools import cached_property

from hydra.core.config_store import ConfigNode, ConfigStore
from omegaconf import DictConfig, OmegaConf

from tsforecast.config.nodes import command_type


class SchemaNode(ConfigNode):
    """The entry ``schema/JOB`` of the store.

    Args:
        job: Name of the job.
    """

    def __init__(self, job: str):
        self.job = job
        self.name, self.group, self.package, self.provider = f"{job}.yaml", "schema", "_global_", None

    @cached_property
    def node(self) -> DictConfig:  # type: ignore[override]
        """The typed config, with missing values."""
        return OmegaConf.structured(command_type(self.job))


def register_schemas(jobs: Iterable[str]) -> None:
    """Add the entries of jobs to the store."""
    schemas = ConfigStore.instance().repo.setdefault("schema", {})
    for job in jobs:
        schemas[f"{job}.yaml"] = SchemaNode(job)
