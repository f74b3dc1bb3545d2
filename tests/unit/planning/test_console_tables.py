"""Tables of a plan on a terminal of 80 columns."""

import io

from rich.console import Console

from tsforecast.planning.console_tables import _estimates
from tsforecast.planning.estimates import comparison, user_estimates

LINES = {
    "parameters of spike_detector": comparison(520_000, 370_306),
    "train and serve at once at expansion, bytes": comparison(38e9, 2.6e9),
    "hours to train the five models, here one pass (cpu)": comparison(250, None),
    "seconds per train step (estimate is for a GPU)": comparison(0.6, 0.0042),
}


def test_estimates_fit_into_80_columns():
    console = Console(width=80, file=io.StringIO())
    console.print(_estimates({"source": user_estimates()["source"], "estimates": LINES}))
    text = console.file.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    assert "370,306" in text
    assert "users'" not in text
