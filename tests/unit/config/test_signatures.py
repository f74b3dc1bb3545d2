"""Ranges of a target's arguments are read from its source, without importing it."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tsforecast.config.signatures import argument_defaults, argument_rules
from tsforecast.installation import CONF
from tsforecast.options import NotEmpty, Range

SOURCE = """
from typing import Annotated
from tsforecast.options import Range

class Base:
    def __init__(self, width: Annotated[int, Range(1, 8)], other: "Undefined[int]" = None): ...

class Child(Base):
    pass

def build(rate: Annotated[float | None, Range(0)], *, flag: bool = True, names=()): ...
"""


@pytest.fixture
def source(tmp_path, monkeypatch):
    (tmp_path / "outer_package").mkdir()
    (tmp_path / "outer_package" / "__init__.py").write_text("raise RuntimeError('imported')")
    (tmp_path / "outer_package" / "parts.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    argument_rules.cache_clear()
    yield
    argument_rules.cache_clear()


def test_a_signature_is_read_without_importing_its_package(source):
    rules = argument_rules("outer_package.parts.Base")
    assert (rules["width"].kind, rules["width"].range) == (int, Range(1, 8))
    assert (rules["other"].kind, rules["other"].range) == (None, None)
    assert argument_rules("outer_package.parts.Child") == rules
    function = argument_rules("outer_package.parts.build")
    assert function["rate"].range == Range(0)
    assert function["flag"].kind is bool
    assert "names" not in function


@pytest.mark.parametrize("target", ["no_such_package.Model", "outer_package.parts.Missing", "json.nothing.X"])
def test_an_unknown_target_has_no_rules(source, target):
    assert argument_rules(target) == {}


def test_lists_have_the_rule_of_their_elements():
    units = argument_rules("tsforecast.models.lstm.LSTM")["units"]
    assert (units.kind, units.range, units.not_empty) == (int, Range(1, 65_536), NotEmpty(64))
    assert argument_rules("tsforecast.losses.Quantile")["quantile_levels"].kind is float


@pytest.mark.parametrize("group", ["model", "optimizer", "schedule", "loss"])
def test_every_number_in_a_yaml_has_a_kind_or_stays_unchecked_on_purpose(group):
    """A model is one file plus its YAML: its annotations are all that the checks know of it."""
    for path in sorted((CONF / group).glob("*.yaml")):
        node = yaml.safe_load(path.read_text())
        node = node.get(group, node)
        rules = argument_rules(node["_target_"]) if "_target_" in node else {}
        for key, value in node.items():
            if isinstance(value, (int, float)) and "_target_" in node:
                assert rules[key].kind in (int, float, bool), f"{path.name}: {key}"


def test_no_framework_is_imported():
    code = (
        "import sys\nfrom tsforecast.config.signatures import argument_defaults, argument_rules\n"
        "for target in ('tsforecast.models.lstm.LSTM', 'keras.optimizers.Adam'):\n"
        "    assert argument_rules(target)\n"
        "assert not {'keras', 'tensorflow'} & set(sys.modules)"
    )
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)


def test_defaults_are_read_from_the_source():
    defaults = argument_defaults("tsforecast.models.nlinear.NLinear")
    assert defaults == {"embedding": None, "spike_head": False, "spike_weight": 0.5}
    assert argument_defaults("no.such.Thing") == {}
