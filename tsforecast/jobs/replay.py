"""job=replay: past days, one by one, with a retraining run before each of them and without."""

import functools
from pathlib import Path

from tsforecast.config import Config
from tsforecast.config.stored import as_yaml
from tsforecast.files import display_path
from tsforecast.jobs.champion import create_replay_recipe
from tsforecast.registry import Registry
from tsforecast.registry.replay import find_first_champion, replay_days, to_markdown
from tsforecast.tracking.run_folder import RunFolder


def main(config: Config, path: Path) -> float:
    """Write ``replay.json`` and ``replay.md`` with one line per day; return the error with retraining.

    An interrupted replay is resumed.
    """
    champion = find_first_champion(RunFolder(path), Registry(config.registry.path))
    folder = RunFolder.create(path)
    if not folder.config.is_file():
        folder.write_text_atomic("config.yaml", as_yaml(config))  # for resume=FOLDER
    result = replay_days(
        folder, champion, functools.partial(create_replay_recipe, config, champion), config.retrain
    )
    print(to_markdown(result).split("\n\n")[-1])
    print(display_path(folder.path), flush=True)
    return result["with_retraining"]
