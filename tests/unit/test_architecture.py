"""Who may import whom (docs/architecture.md), and what the package does without."""

import ast
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.helpers import code_metrics

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "tsforecast"
FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = {path.relative_to(ROOT).with_suffix("").as_posix(): path for path in FILES}

KERNELS = ("tsforecast/layers/kernels/loops_tensorflow", "tsforecast/layers/kernels/recurrent_tensorflow")


@dataclass(frozen=True)
class Import:
    """An import of ``name`` in ``module`` (a path such as ``tsforecast/data/series``)."""

    module: str
    name: str
    in_function: bool

    @property
    def top(self) -> str:
        return self.name.split(".")[0]

    def __str__(self) -> str:
        return f"{self.module} imports {self.name}"


def imports_of(module, path):
    """All imports, those for type checkers left out."""

    def walk(node, in_function):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
                continue
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(module, alias.name, in_function)
            elif isinstance(child, ast.ImportFrom):
                # "from a.b import c" may name a module c.
                yield from (
                    Import(module, f"{child.module}.{alias.name}", in_function) for alias in child.names
                )
            deeper = in_function or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            yield from walk(child, deeper)

    return list(walk(ast.parse(path.read_text(encoding="utf-8")), False))


IMPORTS = [found for module, path in MODULES.items() for found in imports_of(module, path)]


def within(module, *places):
    return any(
        module == f"tsforecast/{place}" or module.startswith(f"tsforecast/{place}/") for place in places
    )


def third_party(found):
    return found.top not in sys.stdlib_module_names and found.top != "tsforecast"


def inner(found, *places):
    """Whether it imports one of these parts of the package."""
    return any(f"{found.name}.".startswith(f"tsforecast.{place}.") for place in places)


def offenders(*tests):
    return [str(found) for found in IMPORTS if all(test(found) for test in tests)]


def test_the_package_is_found():
    assert len(MODULES) > 30
    assert len(IMPORTS) > 200


def test_hydra_stays_in_config():
    assert not offenders(
        lambda found: found.top in ("hydra", "omegaconf"), lambda found: not within(found.module, "config")
    )


def test_the_library_of_a_tracker_stays_in_its_own_files():
    assert not offenders(
        lambda found: found.top in ("wandb", "wandb_workspaces", "tensorboard", "mlflow"),
        lambda found: not found.module.startswith(f"tsforecast/tracking/{found.top.partition('_')[0]}_"),
    )


def test_metrics_know_numpy_alone():
    assert not offenders(
        lambda found: within(found.module, "metrics", "spikes"),
        lambda found: third_party(found) and found.top != "numpy",
    )
    assert not offenders(
        lambda found: within(found.module, "metrics"),
        lambda found: found.top == "tsforecast" and not inner(found, "metrics", "files", "untrusted"),
    )


def test_data_knows_no_framework_but_for_its_pipeline():
    assert not offenders(
        lambda found: within(found.module, "data"),
        lambda found: third_party(found) and found.top not in ("numpy", "pyarrow"),
        lambda found: not (found.top == "tensorflow" and found.in_function),
    )


def test_data_knows_nothing_above_it():
    assert not offenders(
        lambda found: within(found.module, "data"),
        lambda found: (
            found.top == "tsforecast"
            and not inner(
                found,
                "data",
                "context",
                "panels",
                "tables",
                "reading",
                "times",
                "columns",
                "storage",
                "errors",
                "typing",
                "options",
                "files",
            )
        ),
    )


def test_reading_imports_numpy_and_pyarrow_only():
    assert not offenders(
        lambda found: within(found.module, "columns", "times", "reading"),
        lambda found: third_party(found) and found.top not in ("numpy", "pyarrow"),
    )
    for package, below in (("columns", ()), ("times", ("columns",)), ("reading", ("columns", "times"))):
        assert not offenders(
            lambda found, package=package: within(found.module, package),
            lambda found, package=package, below=below: (
                found.top == "tsforecast" and not inner(found, package, *below, "errors", "typing", "options")
            ),
        )


def test_panels_know_times_and_arrow_only():
    assert not offenders(
        lambda found: within(found.module, "panels"),
        lambda found: third_party(found) and found.top not in ("numpy", "pyarrow"),
    )
    assert not offenders(
        lambda found: within(found.module, "panels"),
        lambda found: (
            found.top == "tsforecast" and not inner(found, "panels", "times", "columns", "errors", "typing")
        ),
    )


def test_tables_know_readers_and_arrow_only():
    assert not offenders(
        lambda found: within(found.module, "tables"),
        lambda found: third_party(found) and found.top not in ("numpy", "pyarrow"),
        lambda found: not found.in_function,
    )
    assert not offenders(
        lambda found: within(found.module, "tables"),
        lambda found: (
            found.top == "tsforecast"
            and not inner(found, "tables", "reading", "times", "columns", "errors", "typing")
        ),
    )


def test_the_context_knows_numpy_alone():
    assert not offenders(
        lambda found: within(found.module, "context"),
        lambda found: (
            (third_party(found) and found.top != "numpy")
            or (found.top == "tsforecast" and not inner(found, "context", "options"))
        ),
    )


def test_storage_knows_numpy_alone():
    assert not offenders(
        lambda found: within(found.module, "storage"),
        lambda found: third_party(found) and found.top not in ("numpy", "filelock"),
    )
    assert not offenders(
        lambda found: within(found.module, "storage"),
        lambda found: found.top == "tsforecast" and not inner(found, "storage", "errors", "files"),
    )


def test_options_know_the_standard_library_alone():
    """They are read before TensorFlow is imported, by the checks."""
    options = [module for module in MODULES if module.endswith(("/options", "/runtime_options"))]
    assert len(options) > 10
    choices = "tsforecast/ensemble/weightings/__init__"  # lists those of ensemble.weighting
    assert not offenders(
        lambda found: found.module in options or (found.module == choices and not found.in_function),
        lambda found: (
            third_party(found)
            or (
                found.top == "tsforecast"
                and not found.name.split(".")[-2].endswith(("options", "weightings"))
            )
        ),
    )


def test_layers_and_losses_know_keras_alone():
    assert not offenders(
        lambda found: within(found.module, "layers", "losses"),
        lambda found: third_party(found) and found.top not in ("keras", "numpy"),
        lambda found: found.module not in KERNELS,
    )
    assert not offenders(
        lambda found: within(found.module, "layers", "losses"),
        lambda found: found.top == "tsforecast" and not inner(found, "layers", "errors", "typing", "options"),
    )


def test_models_are_independent_of_the_backend_and_of_what_runs_them():
    assert not offenders(
        lambda found: within(found.module, "models"),
        lambda found: (
            found.top in ("tensorflow", "jax", "torch")
            or inner(found, "jobs", "config", "tracking", "reporting", "evaluation", "sweeps")
        ),
    )


def test_tensorflow_is_imported_at_the_top_of_the_kernel_files_only():
    assert offenders(lambda found: found.top == "tensorflow", lambda found: not found.in_function) == [
        f"{module} imports tensorflow" for module in KERNELS
    ]


def test_nothing_below_a_job_receives_the_config():
    above = ("api", "command", "config", "jobs", "sweeps")
    assert not offenders(lambda found: inner(found, "config"), lambda found: not within(found.module, *above))


def test_only_entries_call_jobs():
    """Sweeps and the Python interface start jobs; nothing else does."""
    entries = ("api", "jobs", "sweeps")
    assert not offenders(lambda found: inner(found, "jobs"), lambda found: not within(found.module, *entries))


@pytest.mark.parametrize("module", MODULES)
def test_no_assert_in_the_package(module):
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    lines = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    assert not lines, "python -O takes an assert away: raise instead"


def test_no_file_of_everything():
    assert not [module for module in MODULES if Path(module).stem in ("utils", "util", "helpers", "misc")]


@pytest.fixture(scope="module")
def modules():
    return code_metrics.parse_package()


def test_neither_modules_nor_packages_import_each_other_in_a_cycle(modules):
    graph = code_metrics.imports(modules)
    assert sum(map(len, graph.values())) > 500
    assert not code_metrics.cycles(graph)
    assert not code_metrics.cycles(code_metrics.package_graph(graph))


def test_a_cycle_would_be_seen():
    assert code_metrics.cycles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
    modules = {"p.x.one": {"p.y.one"}, "p.y.two": {"p.x.two"}}
    assert not code_metrics.cycles(modules)
    assert code_metrics.cycles(code_metrics.package_graph(modules)) == [["x", "y"]]


def test_no_package_has_more_than_a_tenth_of_the_lines_and_jobs_stay_short(modules):
    sizes = code_metrics.package_sizes(modules)
    assert max(sizes.values()) <= sum(sizes.values()) / 10
    assert 0 < sizes["jobs"] < 2000


def test_functions_are_short(modules):
    lengths = [function.lines for function in code_metrics.functions(modules)]
    assert code_metrics.percentile(lengths, 0.9) <= 20
    assert max(lengths) <= 60


def test_files_are_short(modules):
    assert code_metrics.percentile(list(code_metrics.file_lengths(modules).values()), 0.9) <= 250


def test_few_parameters_and_returns_are_any(modules):
    assert len(code_metrics.bare_any(modules)) < 120


def test_functions_are_named_by_verbs_and_nouns(modules):
    names = [function.name for function in code_metrics.functions(modules)]
    odd = [name for name in names if code_metrics.is_oddly_named(name)]
    assert len(odd) < 0.05 * len(names)
    assert code_metrics.is_oddly_named("told_at_the_end")
    assert code_metrics.is_oddly_named("behind")
    assert not code_metrics.is_oddly_named("record_failure")
