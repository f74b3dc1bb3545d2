"""Makes the user's own folder of YAML files, and models of other packages, known to Hydra."""

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin

from tsforecast import config_files
from tsforecast.config.signatures import argument_defaults
from tsforecast.installation import CONF


class UserFolder(SearchPathPlugin):
    """Adds the user's own folder, if there is one, after that of tsforecast."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Append the folder."""
        for folder in config_files.folders():
            if folder != CONF:
                search_path.append("tsforecast", f"file://{folder}")


def register_plugins() -> None:
    """Register both; calling it again changes nothing."""
    plugins = Plugins.instance()
    if UserFolder not in plugins.discover(SearchPathPlugin):
        plugins.register(UserFolder)
    for name, target in config_files.plugin_models().items():
        if config_files.find("model", name) is None:
            node = {"_target_": target, **argument_defaults(target)}
            ConfigStore.instance().store(group="model", name=name, node=node)
