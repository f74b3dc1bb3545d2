"""Teacher and student side by side, for the report of a distillation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsforecast.evaluation.scored_model import ScoredModel
from tsforecast.reporting.elements import Section, Table
from tsforecast.reporting.run_report import RunAdditions

if TYPE_CHECKING:
    from tsforecast.data.dataset import ForecastDataset
    from tsforecast.models.protocol import Model


def compare_models(
    dataset: ForecastDataset, teacher: Model, student: Model, name: str
) -> tuple[ScoredModel, RunAdditions]:
    """Score teacher and student on the test split.

    Returns: the student with its evaluation, and a table of both models: errors, size, and time of one forecast.
    """
    from tsforecast.evaluation.evaluate import evaluate
    from tsforecast.evaluation.model_row import model_row

    labels = {f"teacher ({name})": teacher, "student": student}
    scored = {label: ScoredModel(model, evaluate(model, dataset, "test")) for label, model in labels.items()}
    rows = [model_row(label, model, dataset) for label, model in scored.items()]
    note = "On the test split; the time is the median of warm forecasts of one window on this machine."
    section = Section("Teacher and student", [Table.from_records(rows)], note)
    return scored["student"], RunAdditions({"distilled": rows}, [section])
