"""What the arguments of a ``_target_`` may be, read from its source file: importing it would import TensorFlow."""

import ast
import collections.abc
import typing
from contextlib import suppress
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
    module, function = target.rpartition(".")[0], _find_target(target)
    arguments = [*function.args.args, *function.args.kwonlyargs] if function else []
    rules = {one.arg: read_rule(_evaluate(one.annotation)) for one in arguments if one.annotation}
    if function and function.args.kwarg and module.startswith(SOURCES):  # passed on to the reader of tables
        rules = field_rules(TableOptions) | rules
    return rules


def argument_defaults(target: str) -> dict[str, Any]:
    """Return the arguments of a target that have a default, with these; empty for a target whose source is not found.

    A default that is computed, and not written as a literal, is left out.
    """
    function = _find_target(target)
    if function is None:
        return {}
    arguments = function.args
    positional = arguments.args[len(arguments.args) - len(arguments.defaults) :]
    pairs = [
        *zip(positional, arguments.defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    defaults = {}
    for argument, value in pairs:
        with suppress(ValueError):
            if value is not None:
                default = ast.literal_eval(value)
                defaults[argument.arg] = list(default) if isinstance(default, tuple) else default
    return defaults


def _find_target(target: str) -> ast.FunctionDef | None:
    """Return the function, or the ``__init__`` of the class, that a dotted path names."""
    module, _, name = target.rpartition(".")
    path = _source(module)
    return None if path is None else _find_function(ast.parse(path.read_text(encoding="utf-8")).body, name)


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
