"""Scaled values of one channel in its own unit, inside a graph: rises, steps and other scalings.

A channel is described by plain numbers, which saved models hold. Its center is subtracted before anything is rounded to
single precision, so values near 1e9 keep their differences.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras import ops

from tsforecast.typing import Tensor

Channel = Mapping[str, Any]  # see ``Scaler.describe_channel``


def rise(channel: Channel, later: Tensor, earlier: Tensor) -> Tensor:
    """Return the difference of two scaled values in the channel's unit.

    Example:
        >>> channel = {"method": "log1p", "mean": 0.0, "scale": 1.0, "center": 0.0, "width": 1.0}
        >>> round(float(rise(channel, ops.log(6.0), ops.log(3.0))), 4)  # from 2 to 5
        3.0
    """
    bent, change = _bent(channel, later), (later - earlier) * channel["scale"]
    before = bent - change
    if channel["method"] == "linear":
        return change * channel["width"]
    if channel["method"] == "asinh":
        return 2.0 * channel["width"] * ops.cosh((bent + before) / 2) * ops.sinh(change / 2)
    same_side = ops.sign(bent) * ops.exp(ops.abs(before)) * ops.expm1(ops.abs(bent) - ops.abs(before))
    return ops.where(bent * before > 0, same_side, _unbend(channel, bent) - _unbend(channel, before))


def step(channel: Channel, values: Tensor, change: Tensor | float) -> Tensor:
    """Return scaled values after a change in the channel's unit.

    Example:
        >>> channel = {"method": "log1p", "mean": 0.0, "scale": 1.0, "center": 0.0, "width": 1.0}
        >>> round(float(ops.exp(step(channel, ops.log(3.0), 3.0))), 4)  # from 2 to 5
        6.0
    """
    bent = _bent(channel, values)
    if channel["method"] != "log1p":
        return _scaled(channel, _bend(channel, _unbend(channel, bent) + change / channel["width"]))
    relative = change * ops.sign(bent) * ops.exp(-ops.abs(bent))
    stays = ops.logical_and(bent != 0, relative > ops.expm1(-ops.abs(bent)))
    near = bent + ops.sign(bent) * ops.log1p(ops.where(stays, relative, 0.0))
    return _scaled(channel, ops.where(stays, near, _bend(channel, _unbend(channel, bent) + change)))


def rescale(values: Tensor, source: Channel, target: Channel) -> Tensor:
    """Return values of one scaling in another one of the same channel."""
    if source == target:
        return values
    offset = (source["center"] - target["center"]) / target["width"]
    shifted = _unbend(source, _bent(source, values)) * (source["width"] / target["width"]) + offset
    return _scaled(target, _bend(target, shifted))


def _bent(channel: Channel, values: Tensor) -> Tensor:
    return values * channel["scale"] + channel["mean"]


def _scaled(channel: Channel, bent: Tensor) -> Tensor:
    return (bent - channel["mean"]) / channel["scale"]


def _bend(channel: Channel, shifted: Tensor) -> Tensor:
    """Return the curve of values that are relative to the center, in widths."""
    if channel["method"] == "linear":
        return shifted
    if channel["method"] == "asinh":
        return ops.arcsinh(shifted)
    return ops.sign(shifted) * ops.log1p(ops.abs(shifted))


def _unbend(channel: Channel, bent: Tensor) -> Tensor:
    """Return values relative to the center, in widths."""
    if channel["method"] == "linear":
        return bent
    if channel["method"] == "asinh":
        return ops.sinh(bent)
    return ops.sign(bent) * ops.expm1(ops.abs(bent))
