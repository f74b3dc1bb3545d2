"""The package from Python: train, load, predict, compare; see `tsforecast`, which exports these names.

Every function runs the job that the command line runs, with the same checks, and gives the same figures. Mistakes are
raised as `tsforecast.errors.UserError`.
"""

from tsforecast.api.comparison import Comparison, compare
from tsforecast.api.forecaster import Forecaster, load
from tsforecast.api.planning import Plan, plan
from tsforecast.api.run import Run
from tsforecast.api.training import backtest, ensemble, train

__all__ = [
    "Comparison",
    "Forecaster",
    "Plan",
    "Run",
    "backtest",
    "compare",
    "ensemble",
    "load",
    "plan",
    "train",
]
