"""Option dataclasses as OmegaConf nodes and back: OmegaConf converts the types, and the options stay frozen."""

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from omegaconf import MISSING, DictConfig, OmegaConf

from tsforecast.config.schema import Command, Config, job_fields

Options = TypeVar("Options")


@cache
def command_type(job: str) -> type:
    """Return the type of the root that Hydra composes for a job: its config, and the options of the command."""
    members = {name: field for name, *field in _members(Command) + _members(Config, job_fields(job))}
    return dataclasses.make_dataclass(f"{job}_config", [(name, *field) for name, field in members.items()])


def config_node(names: Sequence[str]) -> DictConfig:
    """Return an empty typed node with some of the fields of a config."""
    return OmegaConf.structured(dataclasses.make_dataclass("Config", _members(Config, names)))


def to_config(values: Mapping[str, Any]) -> Config:
    """Return the config that plain containers hold; their types must be right already."""
    return _build(Config, values)


@cache
def _mutable(options: type) -> type:
    """A dataclass with the fields of ``options`` that OmegaConf can merge into; each field starts as missing.

    OmegaConf makes the nodes of a frozen dataclass read-only, and knows neither ``Literal`` nor dicts of any keys.
    """
    return dataclasses.make_dataclass(options.__name__, _members(options))


def _members(options: type, names: Sequence[str] | None = None) -> list[tuple[str, Any, Any]]:
    hints = typing.get_type_hints(options)
    return [_member(name, hints[name]) for name in hints if names is None or name in names]


def _member(name: str, annotation: Any) -> tuple[str, Any, Any]:
    if dataclasses.is_dataclass(annotation):
        inner = _mutable(typing.cast(type, annotation))
        return name, inner, dataclasses.field(default_factory=inner)
    return name, _node_type(annotation), dataclasses.field(default=MISSING)


def _node_type(annotation: Any) -> Any:
    """The type that OmegaConf has for an annotation."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return str
    if origin is dict:
        return Any
    if origin is list:
        return list[_node_type(arguments[0])]  # type: ignore[misc]
    if origin in (Union, types.UnionType):
        (inner,) = [member for member in arguments if member is not type(None)]
        return _node_type(inner) | None
    return annotation


def _build(options: type[Options], values: Mapping[str, Any]) -> Options:
    hints = typing.get_type_hints(options)
    return options(
        **{
            name: _build(hints[name], value) if dataclasses.is_dataclass(hints[name]) else value
            for name, value in values.items()
        }
    )
