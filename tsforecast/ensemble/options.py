"""Options of the ensemble."""

from dataclasses import dataclass
from typing import Annotated, Any

from tsforecast.ensemble.weightings import list_weightings
from tsforecast.options import Choices, Range


@dataclass(frozen=True, kw_only=True)
class EnsembleOptions:
    """Members, weights and fine-tuning of an ensemble.

    Args:
        members: Models to train, or folders of finished runs.
        options: Arguments of members that differ from their YAML, by member; None: none.
        weighting: Name of a file in ``tsforecast/ensemble/weightings/``.
        references: Models that are trained and scored for comparison only.
        store: Folder where trained members are kept and found again by other runs; None: the run's own.
        holdout_share: Share of the validation rows, the newest, that ends fitting and fine-tuning.
        gate_units: Width of the gating network and of the spike head.
        half_lives: Numbers of windows after which a past error counts half, for the gating network.
        fine_tune_steps: Updates of all members together; 0: none.
        fine_tune_learning_rate: Learning rate of these updates.
    """

    members: list[str]
    options: Any  # a dict of dicts, or None
    weighting: Annotated[str, Choices(tuple(list_weightings()))]
    references: list[str]
    store: str | None
    holdout_share: Annotated[float, Range(0.05, 0.9)]
    gate_units: Annotated[int, Range(1, 65_536)]
    half_lives: list[float]
    fine_tune_steps: Annotated[int, Range(0)]
    fine_tune_learning_rate: Annotated[float, Range(1e-12, 10.0)]
