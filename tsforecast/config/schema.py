"""The root of the config: the options of every part of the package, under their keys.

Values are in ``conf/``; options have no defaults, so nothing is stated twice. Nodes of type ``dict`` (model, data, ...)
name a ``_target_`` and its arguments.
"""
# ruff: noqa: RUF009 (``job_field`` returns a field)

from dataclasses import dataclass, field, fields, is_dataclass
from typing import Annotated, Any, Literal, get_type_hints

from tsforecast.comparison.options import WatchOptions
from tsforecast.context.options import ContextOptions
from tsforecast.data.options import ScaleOptions, ScalingOptions, WindowOptions
from tsforecast.ensemble.options import EnsembleOptions
from tsforecast.evaluation.options import BacktestOptions, ReportOptions, SpikeOptions
from tsforecast.export.options import ExportOptions
from tsforecast.inference.options import IntervalOptions, PredictOptions
from tsforecast.options import Range
from tsforecast.planning.options import PlanOptions
from tsforecast.registry.options import PromotionOptions, RegistryOptions, RetrainingOptions
from tsforecast.runtime_options import DeviceOptions, PrecisionOptions
from tsforecast.serving.options import ServeOptions
from tsforecast.sweeps.options import SweepOptions
from tsforecast.training.options import DistillationOptions, TrainingOptions

PLANNING = ("plan", "verify", "benchmark", "rehearsal")
RETRAINING = ("retrain", "replay")


@dataclass(frozen=True, kw_only=True)
class Job:
    """The job that a config is for."""

    name: str
    _target_: str


def job_field(*jobs: str) -> Any:
    """Return a field that only the configs of these jobs have; None in all others."""
    return field(default=None, metadata={"jobs": jobs})


@dataclass(frozen=True, kw_only=True)
class Config:
    """The config of one run.

    Keys that only some jobs read come with those jobs, see ``conf/job``.
    """

    job: Job
    data: dict[str, Any]
    scale: ScaleOptions
    scaling: ScalingOptions
    context: ContextOptions
    window: WindowOptions
    model: dict[str, Any]
    optimizer: dict[str, Any]
    schedule: dict[str, Any]
    loss: dict[str, Any]
    precision: PrecisionOptions
    training: TrainingOptions
    spike: SpikeOptions
    device: DeviceOptions
    report: ReportOptions
    tracker: dict[str, Any]
    seed: Annotated[int, Range(0, 2**31 - 1)]
    backend: Literal["tensorflow", "jax", "torch"]
    init_from: str | None
    resume: str | None
    run: str | None = job_field("evaluate", "promote", "predict", "distill", "export")
    backtest: BacktestOptions = job_field("backtest")
    ensemble: EnsembleOptions = job_field("ensemble", "backtest", *PLANNING)
    plan: PlanOptions = job_field(*PLANNING)
    verify: bool = job_field("plan")
    distill: DistillationOptions = job_field("distill")
    registry: RegistryOptions = job_field(
        "promote", "rollback", "predict", "serve", "export", "distill", *RETRAINING
    )
    promotion: PromotionOptions = job_field("promote", "retrain")
    intervals: IntervalOptions = job_field("promote", "predict", "serve", *RETRAINING)
    predict: PredictOptions = job_field("predict")
    serve: ServeOptions = job_field("serve")
    export: ExportOptions = job_field("export")
    format: Literal["saved_model", "onnx", "litert", "all"] | None = job_field("export")
    retrain: RetrainingOptions = job_field(*RETRAINING)
    over: Any = job_field("compare", "watch")  # a path, or a list of paths
    watch: WatchOptions = job_field("watch")
    published: str | None = job_field("compare")
    model_table: str | None = job_field("compare")


@dataclass(frozen=True, kw_only=True)
class Command:
    """What a command has in addition to the config of its run or runs."""

    sweep: SweepOptions
    published: str | None
    model_table: str | None


def jobs_with(name: str) -> tuple[str, ...]:
    """Return the jobs whose config has this field; empty for a field of every config."""
    matches = [item for item in fields(Config) if item.name == name]
    return matches[0].metadata.get("jobs", ()) if matches else ()


def job_fields(job: str) -> list[str]:
    """Return the names of the fields that the config of a job has."""
    return [item.name for item in fields(Config) if job in item.metadata.get("jobs", (job,))]


def is_group(name: str) -> bool:
    """Return whether a field of the config holds options of its own."""
    return is_dataclass(get_type_hints(Config)[name])


def job_options(job: str) -> list[str]:
    """Return the names of the fields that come with a job."""
    return [item.name for item in fields(Config) if job in item.metadata.get("jobs", ())]
