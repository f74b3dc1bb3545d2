"""Options of planning, verification, benchmarks and scaling studies."""

from dataclasses import dataclass
from typing import Annotated

from tsforecast.options import Range
from tsforecast.runtime_options import Policy


@dataclass(frozen=True, kw_only=True)
class PlanOptions:
    """What ``job=plan``, ``verify``, ``benchmark`` and ``rehearsal`` look at.

    Args:
        models: Names in ``conf/model``; None: every network there.
        probe: Time a few steps of each model on this machine.
        seconds: How long to time each call, in seconds.
        batches: Batch sizes to verify.
        policies: Precision policies to verify.
        scales: Names in ``conf/scale`` to rehearse.
    """

    models: list[str] | None
    probe: bool
    seconds: Annotated[float, Range(0.01, 600)]
    batches: list[int]
    policies: list[Policy]
    scales: list[str]
