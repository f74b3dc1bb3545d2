"""Options of the registry and of retraining."""

from dataclasses import dataclass
from typing import Annotated, Any

from tsforecast.options import Range


@dataclass(frozen=True, kw_only=True)
class RegistryOptions:
    """Which registry, and which version of a model.

    Args:
        path: Folder of the registry.
        version: Name of a version, for example ``v0002``; None: the champion, or the model of ``run=FOLDER``.
        why: Reason for a promotion or a rollback, for the record.
    """

    path: str
    version: str | None
    why: str | None


@dataclass(frozen=True, kw_only=True)
class PromotionOptions:
    """What a version must have done before it becomes the champion.

    Args:
        shadow_days: Days of scores as the shadow of a service (``serve.shadow``); 0: none.
        journal: Journal of that service (``serve.journal``); None: in the registry's folder.
    """

    shadow_days: Annotated[float, Range(0, 3650)]
    journal: str | None


@dataclass(frozen=True, kw_only=True)
class RetrainingOptions:
    """Incremental retraining of the champion, and its replay over past days.

    Args:
        data: File of the grown series; None: the champion's own file.
        journal: Journal of a service, whose rows follow those of the file; None: none.
        rows: Number of its first rows to use; None: all.
        max_hours: Hours of training at most.
        train_days: Newest days, before those of validation and of the held-out comparison, to train on.
        val_days: Days that decide when training stops.
        held_out_days: Newest days, on which champion and challenger are compared.
        train_steps: Number of time steps instead of ``train_days``; None: ``train_days`` counts.
        val_steps: The same instead of ``val_days``.
        held_out_steps: The same instead of ``held_out_days``.
        least_new_rows: New rows since the champion below which nothing is retrained; 0 also retrains without any.
        max_steps: Updates of the weights at most.
        learning_rate: Peak learning rate.
        latency_ms: Longest latency of one forecast, in milliseconds, with which a challenger may be promoted.
        replay_days: Days that ``job=replay`` replays, or seasons if a step is a day or longer.
        damage: Replayed days with damaged data: number of the day -> kind of damage; None: none.
    """

    data: str | None
    journal: str | None
    rows: Annotated[int | None, Range(100)]
    max_hours: Annotated[float, Range(0.001, 1000)]
    train_days: Annotated[float, Range(0.01, 100_000)]
    val_days: Annotated[float, Range(0.01, 100_000)]
    held_out_days: Annotated[float, Range(0.01, 100_000)]
    train_steps: Annotated[int | None, Range(1)]
    val_steps: Annotated[int | None, Range(1)]
    held_out_steps: Annotated[int | None, Range(1)]
    least_new_rows: Annotated[int, Range(0)]
    max_steps: Annotated[int, Range(1)]
    learning_rate: Annotated[float, Range(1e-12, 10.0)]
    latency_ms: Annotated[float, Range(0.001, 1e6)]
    replay_days: Annotated[int, Range(1, 10_000)]
    damage: Any  # a dict of int -> str, or None
