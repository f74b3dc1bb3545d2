"""The spike scorecard in tables without columns of dashes, which fit a narrow screen."""

from tsforecast.reporting import Report
from tsforecast.reporting.sections import spikes

SCORES = {"average_precision": 0.0966, "event_f1": 0.3784, "event_recall": 1.0, "lead_time_minutes": 10.0}
CARD = {
    "threshold": 1.816,
    "score": "forecast rise",
    "model": {**SCORES, "lead_time_minutes": None, "rmse_on": 2.459, "prevalence": 0.042, "events": 7},
    "random": SCORES,
    "always": SCORES,
    "persistence": {"rmse_on": 2.725},
}


def test_scores_and_errors_have_tables_of_their_own():
    (section,) = spikes.build(Report(title="", result={"unit": "kW", "spikes": {"load": CARD}}))
    tables = {tuple(cell.text for cell in table.head): table for table in section.elements}
    scores = tables["Figure", "Model", "Random score", "Always alarming"]
    errors = tables["Figure", "Model", "Persistence"]
    texts = [[cell.text for cell in row.cells] for table in (scores, errors) for row in table.rows]
    assert ["Event recall", "1.0000", "1.0000", "1.0000"] in texts
    assert ["RMSE on spikes (kW)", "2.4590", "2.7250"] in texts
    assert ["Lead time (minutes, median)", "–", "10.000", "10.000"] in texts
    assert len(section.elements) == 2
