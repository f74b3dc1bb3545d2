import numpy as np
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from tsforecast.api.overrides import as_list, as_overrides, has_key, optional_override, override

VALUES = [
    None,
    True,
    0.25,
    1e-9,
    -3,
    "load",
    "null",
    "north (MW), raw",
    "it's \\ here",
    "C:\\data\\",
    "",
    "${oc.env:HOME}",
    ["a", "b c", 1],
    {"lstm": {"units": [8]}},
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_hydra_reads_back_every_value(value):
    parsed = OverridesParser.create().parse_override(override("data.path", value))
    assert parsed.get_key_element() == "data.path"
    assert parsed.value() == value


def test_a_mapping_or_a_list_is_accepted():
    assert as_overrides({"a.b": [1, 2], "c": "x"}) == ["a.b=[1,2]", "c=x"]
    assert as_overrides(("a=1", "b=2")) == ["a=1", "b=2"]
    assert as_overrides("a=1") == ["a=1"]
    assert as_overrides(None) == []


def test_arrays_and_numbers_of_numpy_are_plain_values():
    assert override("data.missing_values", np.array([-999.0, 1.5])) == "data.missing_values=[-999.0,1.5]"
    assert override("seed", np.int64(3)) == "seed=3"


def test_a_single_name_is_a_list_of_one():
    assert optional_override("plan.models", as_list("dlinear")) == ["plan.models=[dlinear]"]
    assert optional_override("plan.models", as_list(None)) == []


def test_keys_are_found_with_their_marks():
    assert has_key(["+tracker=wandb"], "tracker", "resume")
    assert not has_key(["tracker.group=x"], "tracker")
