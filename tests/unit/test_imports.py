"""Imports without garbage collection."""

import gc
import importlib

import pytest

from tsforecast.imports import pause_collection


def test_collection_is_resumed_after_an_error_and_not_switched_on_for_who_switched_it_off():
    with pytest.raises(ImportError), pause_collection():
        importlib.import_module("no_such_package")
    assert gc.isenabled()
    gc.disable()
    try:
        with pause_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
