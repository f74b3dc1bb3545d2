"""tsforecast: config-driven forecasting, from raw sensor rows to a forecaster in service.

Example:
    ::

        import tsforecast

        run = tsforecast.train(frame, target="load", model="gru", overrides={"training.max_minutes": 2})
        run.metrics["test/rmse"]
        run.forecaster.predict(frame, intervals=0.9)

Importing the package is fast; TensorFlow is loaded when something is trained or forecast.
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = [
    "Comparison",
    "Forecaster",
    "Plan",
    "Run",
    "UserError",
    "backtest",
    "compare",
    "load",
    "plan",
    "train",
]

if TYPE_CHECKING:
    from tsforecast.api import Comparison, Forecaster, Plan, Run, backtest, compare, load, plan, train
    from tsforecast.errors import UserError


def __getattr__(name: str) -> object:
    if name == "UserError":
        return importlib.import_module("tsforecast.errors").UserError
    if name in __all__:
        return getattr(importlib.import_module("tsforecast.api"), name)
    if name == "ensemble":
        return importlib.import_module("tsforecast.ensemble")
    raise AttributeError(f"module 'tsforecast' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "ensemble"})


class _CallablePackage(ModuleType):
    """The package ``tsforecast.ensemble``, which is also the function that trains an ensemble."""

    def __call__(self, *arguments: Any, **options: Any) -> "Run":
        run: Run = importlib.import_module("tsforecast.api").ensemble(*arguments, **options)
        return run


class _Package(ModuleType):
    """This package; the import system sets its subpackages as attributes."""

    def __setattr__(self, name: str, value: object) -> None:
        if name == "ensemble" and isinstance(value, ModuleType):
            value.__class__ = _CallablePackage
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
