"""The tests mirror the package: ``tests/unit/PACKAGE/test_MODULE.py`` tests ``tsforecast/PACKAGE/MODULE.py``.

Tests in ``tests/unit/tools`` test the modules of ``tools/``.
"""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "tests" / "unit"
PACKAGE = ROOT / "tsforecast"
# Tests of the repository as a whole.
WHOLE = {
    "test_architecture.py",
    "test_layout.py",
    "test_wording.py",
    "test_doctests.py",
    "test_benchmarks.py",
    "test_round_trip.py",
    "test_invalid_input.py",
    "test_container.py",
    "test_coming_from.py",
    "test_portability.py",
    "test_damaged_tables.py",
    "test_damaged_requests.py",
    "test_gpu_benchmark.py",
    "test_power_loss.py",
}
TESTS = sorted(path for path in UNIT.rglob("test_*.py") if not (path.parent == UNIT and path.name in WHOLE))


def module_of(test: Path) -> Path:
    """The module, or the package, that a test file is named after."""
    folder = test.parent.relative_to(UNIT)
    root = ROOT if folder.parts[:1] == ("tools",) else PACKAGE
    module = root / folder / test.name.removeprefix("test_").removesuffix(".py")
    return module if module.is_dir() else module.with_suffix(".py")


@pytest.mark.parametrize("test", TESTS, ids=lambda path: str(path.relative_to(UNIT)))
def test_every_test_file_is_named_after_a_module(test):
    assert module_of(test).exists(), (
        f"there is no {module_of(test).relative_to(ROOT)}: move or rename the test"
    )


def test_shared_code_of_tests_is_in_helpers():
    others = [
        path for path in UNIT.rglob("*.py") if not path.name.startswith(("test_", "__init__", "conftest"))
    ]
    assert not others, "move what several tests share to tests/helpers"
