"""Every data YAML names an existing source and arguments that the source takes."""

import importlib
import inspect
from pathlib import Path

import pytest
import yaml

from tsforecast.data.sources.options import TableOptions

CONF = Path(__file__).parents[2] / "conf"
FILES = sorted(path for group in ("data", "scale", "window") for path in (CONF / group).glob("*.yaml"))
FOR_DATASET = {"split", "future_covariates", "mask"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_first_line_is_the_help_line(path):
    assert path.read_text().startswith("# ")


@pytest.mark.parametrize("path", sorted((CONF / "data").glob("*.yaml")), ids=lambda path: path.stem)
def test_keys_are_arguments_of_the_source(path):
    config = yaml.safe_load(path.read_text())
    module, name = config.pop("_target_").rsplit(".", 1)
    parameters = dict(inspect.signature(getattr(importlib.import_module(module), name)).parameters)
    if parameters.pop("options", None) is not None:  # passed on to the table reader
        parameters = dict(inspect.signature(TableOptions).parameters) | parameters
    assert set(config) >= FOR_DATASET
    assert set(config) - FOR_DATASET - {"sampling"} <= set(parameters)
    required = {key for key, parameter in parameters.items() if parameter.default is parameter.empty}
    assert required <= set(config)


def test_files_and_queries_have_the_same_options():
    files, queries = (yaml.safe_load((CONF / "data" / f"{name}.yaml").read_text()) for name in ("csv", "sql"))
    for name in ("_target_", "path", "cache", "cache_folder"):
        files.pop(name)
    for name in ("_target_", "connection", "query"):
        queries.pop(name)
    assert files == queries


def test_scales_are_those_of_the_users():
    rows = {path.stem: yaml.safe_load(path.read_text())["rows"] for path in (CONF / "scale").glob("*.yaml")}
    assert rows == {"tiny": 6000, "poc": 781_163, "growth": 1_000_000, "expansion": 1_500_000, "full": None}
