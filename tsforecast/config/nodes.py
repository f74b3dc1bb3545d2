"""Option dataclasses as OmegaConf nodes and back: OmegaConf converts the types, and the options stay frozen."""

import dataclasses
import types
import typing
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from omegaconf import MISSING, DictConfig, OmegaConf

from tsforecast.errors import UserError

Options = TypeVar("Options")


@cache
def mutable(options: type) -> type:
    """Return a dataclass with the fields of ``options`` that OmegaConf can merge into; each field starts as missing.

    OmegaConf makes the nodes of a frozen dataclass read-only, and knows neither ``Literal`` nor dicts of any keys.
    """
    hints = typing.get_type_hints(options)
    return dataclasses.make_dataclass(
        options.__name__, [_field(name.name, hints[name.name]) for name in dataclasses.fields(options)]
    )


def _field(name: str, annotation: Any) -> tuple[str, Any, Any]:
    if dataclasses.is_dataclass(annotation):
        inner = mutable(typing.cast(type, annotation))
        return name, inner, dataclasses.field(default_factory=inner)
    return name, _node_type(annotation), dataclasses.field(default=MISSING)


def _node_type(annotation: Any) -> Any:
    """The type that OmegaConf has for an annotation."""
    if get_origin(annotation) is Literal:
        return str
    if get_origin(annotation) is dict:
        return Any
    if get_origin(annotation) is list:
        return list[_node_type(get_args(annotation)[0])]  # type: ignore[misc]
    if get_origin(annotation) in (Union, types.UnionType):
        (inner,) = [member for member in get_args(annotation) if member is not type(None)]
        return _node_type(inner) | None
    return annotation


def structured(options: type) -> DictConfig:
    """Return an empty typed node for a dataclass of options."""
    return OmegaConf.structured(mutable(options))


def to_options(options: type[Options], node: DictConfig) -> Options:
    """Return the options that a typed node holds, with plain Python containers.

    Raises:
        UserError: A key of the node is not one of the options.
    """
    return _build(options, OmegaConf.to_container(node, resolve=True), "")


def _build(options: Any, values: Any, prefix: str) -> Any:
    from tsforecast.config.hydra_errors import unknown_key

    hints = typing.get_type_hints(options)
    for name in values:
        if name not in hints:
            raise UserError(unknown_key(f"{prefix}{name}"))
    return options(
        **{
            name: _build(hints[name], value, f"{prefix}{name}.")
            if dataclasses.is_dataclass(hints[name])
            else value
            for name, value in values.items()
        }
    )
