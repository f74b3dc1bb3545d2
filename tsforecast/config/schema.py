"""The typed root of the config: every key, its type and its legal range.

Values live in ``conf/``; a field here has no default, so nothing is stated twice. Nodes typed ``Any`` (model, data,
...) name a ``_target_`` and its arguments: Hydra checks their keys against the YAML, ``checks.py`` their values.
"""

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING


def _ranged(low: float | None = None, high: float | None = None, *, choices: tuple[str, ...] = ()) -> Any:
    """A field that must lie in ``[low, high]`` or be one of ``choices``; checked by ``checks.check_ranges``."""
    return field(default=MISSING, metadata={"low": low, "high": high, "choices": choices})


@dataclass
class Job:
    """What to do with the rest of the config."""

    name: str = MISSING
    _target_: str = MISSING


@dataclass
class Scale:
    """How many rows of the data to use, from the first on; null means all."""

    rows: int | None = _ranged(100)


@dataclass
class Window:
    """The shape of one example, in steps of the data's frequency."""

    lookback: int = _ranged(1, 100_000)
    lead: int = _ranged(1, 100_000)
    horizon: int = _ranged(1, 10_000)
    stride: int = _ranged(1, 100_000)


@dataclass
class Precision:
    """The dtype policy; ``mixed`` picks the half precision that the device has units for."""

    policy: str = _ranged(choices=("float32", "mixed", "mixed_float16", "mixed_bfloat16"))


@dataclass
class Training:
    """Budget, batches, supervision and checkpoints. A step is one update of the weights."""

    batch_size: Any = _ranged(1, 1_048_576)  # noqa: RUF009 (a whole number, or auto: the largest that fits)
    accumulate_steps: int = _ranged(1, 10_000)
    supervision: str = _ranged(choices=("last", "dense"))
    warmup_steps: int = _ranged(0, 100_000)
    max_steps: int | None = _ranged(1)
    max_minutes: float | None = _ranged(0.001)
    max_epochs: int | None = _ranged(1)
    steps_per_epoch: int | None = _ranged(1)
    patience: int | None = _ranged(1)
    min_delta: float = _ranged(0)
    validation_windows: int | None = _ranged(1)
    checkpoint_minutes: float = _ranged(0)
    shards: int | None = _ranged(1, 256)
    objective: str = _ranged(choices=("forecast", "masked_patches"))
    mask_share: float = _ranged(0.01, 0.99)
    probe: bool = MISSING


@dataclass
class Spike:
    """What counts as a spike, as an event and as a hit, see ``tsforecast.metrics.spikes.SpikeRule``."""

    threshold: float | None = _ranged(1e-12)
    quantile: float = _ranged(0.0001, 0.9999)
    min_gap: int = _ranged(1, 1_000_000)
    tolerance: int = _ranged(0, 1_000_000)


@dataclass
class Device:
    """Where to run, and what the card can do when it is not in this machine (for planning and refusals)."""

    kind: str = _ranged(choices=("auto", "cpu", "gpu"))
    memory_gb: float | None = _ranged(0.1)
    compute_capability: float | None = _ranged(1.0)
    threads: int | None = _ranged(1, 1024)
    strategy: str = _ranged(choices=("single", "mirrored", "multi_worker"))


@dataclass
class Plan:
    """What ``job=plan``, ``verify``, ``benchmark`` and ``rehearsal`` look at."""

    models: list[str] | None = MISSING
    probe: bool = MISSING
    seconds: float = _ranged(0.01, 600)
    batches: list[int] = MISSING
    policies: list[str] = MISSING
    scales: list[str] = MISSING


@dataclass
class Backtest:
    """Rolling origins of ``job=backtest``."""

    origins: int = _ranged(1, 10_000)
    refit: str = _ranged(choices=("none", "warm", "full"))
    warm_steps: int = _ranged(1)


@dataclass
class Report:
    """What the report tells beside the figures."""

    explain: bool = MISSING
    explain_windows: int = _ranged(2, 1_000_000)
    explain_repeats: int = _ranged(1, 1000)
    spikes: bool = MISSING
    latency: bool = MISSING


@dataclass
class Ensemble:
    """Members, weights and fine-tuning of ``model=ensemble``."""

    members: list[str] = MISSING
    options: Any = MISSING
    weighting: str = _ranged(choices=("equal", "inverse_error", "static", "gating", "online"))
    references: list[str] = MISSING
    store: str | None = MISSING
    holdout_share: float = _ranged(0.05, 0.9)
    gate_units: int = _ranged(1, 65_536)
    half_lives: list[float] = MISSING
    fine_tune_steps: int = _ranged(0)
    fine_tune_learning_rate: float = _ranged(1e-12, 10.0)


@dataclass
class Registry:
    """Where versions of models lie, and which one a job means."""

    path: str = MISSING
    version: str | None = MISSING
    why: str | None = MISSING


@dataclass
class Predict:
    """What ``job=predict`` reads and writes."""

    data: str | None = MISSING
    out: str | None = MISSING
    time: Any = MISSING
    stride: int = _ranged(1, 1_000_000)
    batch_size: int = _ranged(1, 65_536)


@dataclass
class Intervals:
    """Conformal intervals, see ``tsforecast.inference.intervals``."""

    coverage: float = _ranged(0.01, 0.999)
    rate: float = _ranged(0, 1)
    memory: int = _ranged(20, 100_000)


@dataclass
class Serve:
    """The HTTP service and its limits."""

    host: str = MISSING
    port: int = _ranged(0, 65_535)
    token_file: str | None = MISSING
    max_batch: int = _ranged(1, 1024)
    queue: int = _ranged(1, 100_000)
    max_windows: int = _ranged(1, 10_000)
    max_body_mb: float = _ranged(0.001, 1000)
    timeout_seconds: float = _ranged(0.1, 3600)
    poll_seconds: float = _ranged(0.05, 3600)
    keep: int = _ranged(10, 100_000)


@dataclass
class Retrain:
    """Incremental retraining of the champion, and its replay."""

    data: str | None = MISSING
    rows: int | None = _ranged(100)
    max_hours: float = _ranged(0.001, 1000)
    train_days: float = _ranged(0.01, 100_000)
    val_days: float = _ranged(0.01, 10_000)
    held_out_days: float = _ranged(0.01, 10_000)
    least_new_rows: int = _ranged(1)
    max_steps: int = _ranged(1)
    learning_rate: float = _ranged(1e-12, 10.0)
    latency_ms: float = _ranged(0.001, 1e6)
    replay_days: int = _ranged(1, 10_000)
    damage: Any = MISSING


@dataclass
class Distill:
    """What a student learns from its teacher."""

    share: float = _ranged(0, 1)


@dataclass
class Export:
    """Files for other runtimes, and how far their forecasts may lie from the original's."""

    windows: int = _ranged(1, 1_000_000)
    tolerance: float = _ranged(0, 1e6)
    quantise: bool = MISSING
    quantised_tolerance: float = _ranged(0, 1e6)


@dataclass
class Sweep:
    """Of many runs started with ``-m``; a job's own config has no part in it."""

    id: str | None = MISSING
    resume: str | None = MISSING
    process: str = _ranged(choices=("auto", "job", "shared"))


@dataclass
class Config:
    """The root: one run."""

    job: Job = field(default_factory=Job)
    data: Any = MISSING
    scale: Scale = field(default_factory=Scale)
    window: Window = field(default_factory=Window)
    model: Any = MISSING
    optimizer: Any = MISSING
    schedule: Any = MISSING
    loss: Any = MISSING
    precision: Precision = field(default_factory=Precision)
    training: Training = field(default_factory=Training)
    spike: Spike = field(default_factory=Spike)
    device: Device = field(default_factory=Device)
    plan: Plan = field(default_factory=Plan)
    report: Report = field(default_factory=Report)
    backtest: Backtest = field(default_factory=Backtest)
    ensemble: Ensemble = field(default_factory=Ensemble)
    registry: Registry = field(default_factory=Registry)
    predict: Predict = field(default_factory=Predict)
    intervals: Intervals = field(default_factory=Intervals)
    serve: Serve = field(default_factory=Serve)
    retrain: Retrain = field(default_factory=Retrain)
    distill: Distill = field(default_factory=Distill)
    export: Export = field(default_factory=Export)
    tracker: Any = MISSING
    seed: int = _ranged(0, 2**31 - 1)
    backend: str = _ranged(choices=("tensorflow", "jax", "torch"))
    init_from: str | None = MISSING
    resume: str | None = MISSING
    run: str | None = MISSING
    verify: bool = MISSING
    format: str | None = _ranged(choices=("saved_model", "onnx", "litert", "all"))
    over: Any = MISSING
    published: str | None = MISSING
    model_table: str | None = MISSING
    sweep: Sweep = field(default_factory=Sweep)
