"""The examples in docstrings run and print what they say."""

import doctest
import importlib
import importlib.util
import pkgutil
from pathlib import Path

import keras
import pytest

import tsforecast

# Module -> the optional library that it needs.
OPTIONAL = {"tsforecast.models.lightgbm": "lightgbm"}


def modules():
    """Every module of the package whose source has an example."""
    for info in pkgutil.walk_packages(tsforecast.__path__, "tsforecast."):
        origin = importlib.util.find_spec(info.name).origin
        if origin and ">>> " in Path(origin).read_text(encoding="utf-8"):
            yield info.name


MODULES = list(modules())


def test_there_are_examples():
    assert len(MODULES) > 20


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    if name in OPTIONAL:
        pytest.importorskip(OPTIONAL[name])
    keras.config.set_dtype_policy("float32")
    results = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert results.attempted > 0
    assert results.failed == 0
