"""Planning from Python: memory, the largest batch and time of a run before it starts."""

import json
from collections.abc import Sequence
from os import PathLike
from typing import Any

from tsforecast.api.frames import data_overrides
from tsforecast.api.html import render_table
from tsforecast.api.overrides import Overrides, as_list, as_overrides, optional_override
from tsforecast.api.session import run_job
from tsforecast.formatting import size


class Plan:
    """What each model would need; see ``job=plan``.

    Args:
        document: The content of ``plan.json``.

    Example:
        >>> Plan({"models": {"dlinear": {"params": 101, "peak": 5_000_000}}})
        Plan(dlinear: 5.0 MB)
    """

    def __init__(self, document: dict[str, Any]):
        self.document = document

    @property
    def models(self) -> dict[str, dict[str, Any]]:
        """Model to its plan: ``params``, ``peak`` in bytes, ``largest_batch``, ``fits`` and more."""
        models: dict[str, dict[str, Any]] = self.document["models"]
        return models

    def __repr__(self) -> str:
        peaks = [f"{name}: {size(model['peak'])}" for name, model in self.models.items()]
        return f"Plan({', '.join(peaks)})"

    def _repr_html_(self) -> str:
        rows = [
            [
                name,
                f"{model['params']:,}",
                size(model["training"]["step"]),
                size(model["peak"]),
                "–" if model["largest_batch"] is None else f"{model['largest_batch']:,}",
                "yes" if model["fits"] else "no",
            ]
            for name, model in self.models.items()
        ]
        return render_table(
            ["model", "parameters", "one step", "peak", "largest batch", "fits"], rows, "Memory"
        )


def plan(
    data: object = None,
    target: str | Sequence[str] | None = None,
    models: Sequence[str] | None = None,
    overrides: Overrides | None = None,
    *,
    config_dir: str | PathLike[str] | None = None,
    verbose: bool = False,
) -> Plan:
    """Plan memory and time of training before it starts, as ``job=plan`` does; nothing is trained.

    Args:
        data: See `train`.
        target: Column to forecast, or a list of columns.
        models: Names of models; None for all.
        overrides: Options as on the command line, such as ``["device=v100"]``, or a mapping.
        config_dir: Folder with YAML files of your own.
        verbose: Whether to print the tables.

    Raises:
        UserError: As `train`.
    """
    words = ["job=plan", *data_overrides(data, target), *optional_override("plan.models", as_list(models))]
    _, folder = run_job([*words, *as_overrides(overrides)], config_dir=config_dir, verbose=verbose)
    return Plan(json.loads((folder / "plan.json").read_text(encoding="utf-8")))
