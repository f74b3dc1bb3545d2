"""Typed roots in Hydra's store."""

import pytest
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf
from omegaconf.errors import ConfigAttributeError

from tsforecast.config.nodes import command_type
from tsforecast.config.schema_store import SchemaNode, register_schemas


def test_an_entry_is_what_hydra_would_store():
    register_schemas(["train"])
    store = ConfigStore.instance()
    loaded = store.load("schema/train.yaml")
    store.store(group="test_schema", name="train", node=command_type("train"), package="_global_")
    stored = store.load("test_schema/train.yaml")
    assert (loaded.name, loaded.package, loaded.provider) == (stored.name, stored.package, stored.provider)
    assert loaded.node == stored.node
    assert OmegaConf.get_type(loaded.node) is OmegaConf.get_type(stored.node)
    with pytest.raises(ConfigAttributeError):
        loaded.node.no_such_key = 1


def test_a_schema_is_built_when_it_is_loaded_and_copies_are_independent():
    register_schemas(["train"])
    store = ConfigStore.instance()
    entry = store.repo["schema"]["train.yaml"]
    assert isinstance(entry, SchemaNode)
    assert "node" not in vars(entry)
    first, second = store.load("schema/train.yaml"), store.load("schema/train.yaml")
    first.node.seed = 7
    assert OmegaConf.is_missing(second.node, "seed")
