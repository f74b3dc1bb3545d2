"""The root of the config: the options of every part of the package, under their keys.

Values are in ``conf/``; options have no defaults, so nothing is stated twice. Nodes of type ``dict`` (model, data, ...)
name a ``_target_`` and its arguments.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from tsforecast.data.options import ScaleOptions, WindowOptions
from tsforecast.ensemble.options import EnsembleOptions
from tsforecast.evaluation.options import BacktestOptions, ReportOptions, SpikeOptions
from tsforecast.export.options import ExportOptions
from tsforecast.inference.options import IntervalOptions, PredictOptions
from tsforecast.options import Range
from tsforecast.planning.options import PlanOptions
from tsforecast.registry.options import RegistryOptions, RetrainingOptions
from tsforecast.runtime_options import DeviceOptions, PrecisionOptions
from tsforecast.serving.options import ServeOptions
from tsforecast.sweeps.options import SweepOptions
from tsforecast.training.options import DistillationOptions, TrainingOptions


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to do with the rest of the config."""

    name: str
    _target_: str


@dataclass(frozen=True, kw_only=True)
class Config:
    """The config of one run."""

    job: Job
    data: dict[str, Any]
    scale: ScaleOptions
    window: WindowOptions
    model: dict[str, Any]
    optimizer: dict[str, Any]
    schedule: dict[str, Any]
    loss: dict[str, Any]
    precision: PrecisionOptions
    training: TrainingOptions
    spike: SpikeOptions
    device: DeviceOptions
    plan: PlanOptions
    report: ReportOptions
    backtest: BacktestOptions
    ensemble: EnsembleOptions
    registry: RegistryOptions
    predict: PredictOptions
    intervals: IntervalOptions
    serve: ServeOptions
    retrain: RetrainingOptions
    distill: DistillationOptions
    export: ExportOptions
    tracker: dict[str, Any]
    seed: Annotated[int, Range(0, 2**31 - 1)]
    backend: Literal["tensorflow", "jax", "torch"]
    init_from: str | None
    resume: str | None
    run: str | None
    verify: bool
    format: Literal["saved_model", "onnx", "litert", "all"] | None
    over: Any  # a path, or a list of paths
    published: str | None
    model_table: str | None
    sweep: SweepOptions
