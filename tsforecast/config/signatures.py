"""What the arguments of a ``_target_`` may be, read from its source file: importing it would import TensorFlow."""

import ast
import collections.abc
import typing
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from tsforecast import options
from tsforecast.data.sources.options import TableOptions
from tsforecast.options import Rule, field_rules, read_rule
from tsforecast.training.options import OptimizerOptions

KERAS_OPTIMIZERS = "keras.optimizers."
SOURCES = "tsforecast.data.sources."


@cache
def argument_rules(target: str) -> dict[str, Rule]:
    """Return the rules of a target's arguments by name; empty for a target whose source is not found.

    Args:
        target: Dotted path of a class or function, as in ``tsforecast.models.lstm.LSTM``.
    """
    if target.startswith(KERAS_OPTIMIZERS):
        return field_rules(OptimizerOptions)
    module, _, name = target.rpartition(".")
    path = _source(module)
    if path is None:
        return {}
    function = _find_function(ast.parse(path.read_text(encoding="utf-8")).body, name)
    arguments = [*function.args.args, *function.args.kwonlyargs] if function else []
    rules = {one.arg: read_rule(_evaluate(one.annotation)) for one in arguments if one.annotation}
    if function and function.args.kwarg and module.startswith(SOURCES):  # passed on to the reader of tables
        rules = field_rules(TableOptions) | rules
    return rules


def _source(module: str) -> Path | None:
    """The file of a module, found without importing its packages."""
    locations, name, spec = None, "", None
    for part in module.split("."):
        name = f"{name}.{part}".lstrip(".")
        spec = PathFinder.find_spec(name, locations)
        if spec is None:
            return None
        locations = spec.submodule_search_locations
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


def _find_function(body: list[ast.stmt], name: str) -> ast.FunctionDef | None:
    """Return the function of this name, or the ``__init__`` of the class or of its base in the same file."""
    for node in body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return node
        if isinstance(node, ast.ClassDef) and node.name == name:
            bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
            constructor = _find_function(node.body, "__init__")
            return constructor or next(filter(None, (_find_function(body, base) for base in bases)), None)
    return None


class _Names(dict[str, Any]):
    """The names that an annotation may use; others, such as a class of Keras, allow anything."""

    def __missing__(self, name: str) -> Any:
        return Any


_BUILT_IN = {kind.__name__: kind for kind in (int, float, bool, str, list, tuple, dict)}
_NAMES = _Names({**vars(typing), **vars(collections.abc), **vars(options), **_BUILT_IN})


def _evaluate(annotation: ast.expr) -> Any:
    """The annotation as Python would evaluate it; anything where it uses what is not imported here."""
    code = compile(ast.Expression(annotation), "<annotation>", "eval")
    try:
        return eval(code, {"__builtins__": {}}, _NAMES)
    except (TypeError, AttributeError):
        return Any
