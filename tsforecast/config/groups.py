"""Other choices of a group than the config's own, for jobs that look at several models."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from tsforecast import config_files
from tsforecast.config.plugins import register_plugins
from tsforecast.errors import UserError, nearest
from tsforecast.installation import CONF


def choice(group: str, name: str) -> Any:
    """Return the node of one choice of a group, composed alone: composing the whole config takes six times as long.

    A YAML with a defaults list must therefore name ``_self_`` in it.

    Raises:
        UserError: The group has no such choice.
    """
    names = config_files.choices(group)
    if name not in names:
        raise UserError(f"There is no {group}={name}.{nearest(name, names)} See conf/{group}.")
    file = config_files.find(group, name)
    with _hydra():
        if file is not None and "override /" in file.read_text(encoding="utf-8"):
            return OmegaConf.to_container(
                compose("config", overrides=[f"{group}={name}"])[group], resolve=True
            )
        return OmegaConf.to_container(compose(f"{group}/{name}")[group], resolve=True)


@contextmanager
def _hydra() -> Iterator[None]:
    """Hydra as ``run.py`` started it, or started here."""
    if GlobalHydra.instance().is_initialized():
        yield
        return
    register_plugins()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield
