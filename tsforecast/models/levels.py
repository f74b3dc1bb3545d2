"""Other quantile levels of a trained model, which forecasts whole distributions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def at_levels(model: Any, levels: Sequence[float]) -> Any:
    """Return a copy of a network with the same weights that forecasts the quantiles at other levels.

    Args:
        model: A ``Forecaster`` with a distribution.
        levels: Rising levels in (0, 1) that include 0.5.
    """
    config = model.get_config()
    config["task"] = {**config["task"], "quantile_levels": list(levels)}
    copy = type(model).from_config(config)
    copy.set_weights(model.get_weights())
    return copy
