"""Imports that wait until they are needed."""

import gc
import importlib
import subprocess
import sys

import pytest

from tsforecast.imports import DelayedModule, delay_imports, pause_collection


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Write a package with one module; both are forgotten afterwards."""
    (tmp_path / "slow_package").mkdir()
    (tmp_path / "slow_package/__init__.py").write_text("value = 1\nclass Table: pass\n")
    (tmp_path / "slow_package/part.py").write_text("value = 2\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "slow_package"
    for name in [name for name in sys.modules if name.startswith("slow_package")]:
        del sys.modules[name]


def test_a_module_is_imported_at_its_first_use(package):
    with delay_imports({package: [], f"{package}.part": []}):
        import slow_package.part as part
        from slow_package import part as again
    assert package not in sys.modules
    assert again is part
    assert isinstance(part, DelayedModule)
    assert part.value == 2
    import slow_package.part

    assert not isinstance(slow_package, DelayedModule)
    assert sys.modules["slow_package.part"].value == 2


def test_a_module_used_in_the_block_is_the_real_one_afterwards(package):
    with delay_imports({package: [], f"{package}.part": []}):
        import slow_package

        assert slow_package.value == 1
        import slow_package.part

        assert slow_package.part.value == 2
    assert sys.modules[package].value == 1
    assert not isinstance(sys.modules[package], DelayedModule)


def test_a_module_that_is_imported_already_stays(package):
    import slow_package

    with delay_imports({package: []}):
        import slow_package as again
    assert again is slow_package
    assert sys.modules[package] is slow_package


def test_a_class_read_in_the_block_stands_for_the_one_imported_later(package):
    with delay_imports({package: ["Table"]}):
        import slow_package

        kinds = (int, slow_package.Table)
    assert package not in sys.modules
    assert not isinstance("text", kinds)
    import slow_package as real

    assert isinstance(real.Table(), kinds)
    assert not isinstance("text", kinds)
    assert slow_package.Table is real.Table


def test_a_package_that_is_not_installed_still_fails_to_import():
    with delay_imports({"no_such_package": []}), pytest.raises(ImportError):
        import no_such_package  # noqa: F401


def test_keras_is_imported_without_pandas_and_matplotlib_and_uses_them_when_asked():
    code = (
        "import sys\n"
        "from tsforecast import runtime\n"
        "runtime.initialize(backend='tensorflow', seed=0, policy='float32', kind='cpu', memory_gb=None, threads=1)\n"
        "assert 'pandas' not in sys.modules and 'matplotlib' not in sys.modules\n"
        "import keras, numpy as np\n"
        "from keras.src.trainers.data_adapters import array_slicing\n"
        "from keras.src.visualization import plot_image_gallery\n"
        "assert not array_slicing.can_slice_array([1])\n"
        "assert 'pandas' not in sys.modules\n"
        "import pandas as pd\n"
        "assert array_slicing.can_slice_array(pd.DataFrame({'a': [1]}))\n"
        "assert array_slicing.pandas.DataFrame is pd.DataFrame\n"
        "assert plot_image_gallery.plt.subplots is __import__('matplotlib.pyplot').pyplot.subplots\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


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
