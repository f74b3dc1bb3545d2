"""Cells of a published table next to runs with hand-written figures."""

from pathlib import Path

import pytest

from tsforecast.comparison.published import format_markdown, read_published, select_figures
from tsforecast.comparison.runs import Run
from tsforecast.errors import UserError

PUBLISHED = {
    "what": "Ours and theirs",
    "sources": {"paper": "a paper", "TFB": "a benchmark"},
    "figures": {
        "dlinear": {"TFB": {"96": [0.4, 0.5], "192": [0.6, 0.7]}},
        "nlinear": {"paper": {"96": [0.3, 0.4]}, "TFB": {"96": [0.2, 0.3]}},
    },
}


def run(model, horizon, rmse, mae=0.5):
    target = f"tsforecast.models.{model.lower()}.{model}"
    config = {"model": {"_target_": target}, "window": {"horizon": horizon}}
    return Run(Path("x"), config, {"metrics": {"test/rmse_scaled": rmse, "test/mae_scaled": mae}})


def cells_of(text):
    """Model and horizon -> the cells after them."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("| ")
    ]
    return {(row[0], row[1]): row[2:] for row in rows[1:]}


def test_cell_shows_the_mean_over_seeds_next_to_each_source():
    runs = [run("DLinear", 96, 0.6), run("DLinear", 96, 0.8), run("NLinear", 96, 0.5), run("LSTM", 96, 0.1)]
    cells = cells_of(format_markdown(PUBLISHED, select_figures(runs, PUBLISHED["figures"])))
    assert cells["dlinear", "96"] == [
        "2",
        "0.5000 ± 0.1980",
        "0.5000 ± 0.0000",
        "–",
        "0.400 / 0.500",
        "+25.0 %",
    ]
    assert cells["nlinear", "96"] == ["1", "0.2500", "0.5000", "0.300 / 0.400", "0.200 / 0.300", "+25.0 %"]
    assert cells["nlinear", "average"][-1] == "+25.0 %"
    assert ("dlinear", "average") not in cells  # one of its horizons has not been run
    assert not any(model == "lstm" for model, _ in cells)


def test_the_average_is_taken_over_the_horizons():
    runs = [run("DLinear", 96, 0.6), run("DLinear", 192, 0.8)]
    cells = cells_of(format_markdown(PUBLISHED, select_figures(runs, PUBLISHED["figures"])))
    assert cells["dlinear", "average"] == ["", "0.5000", "0.5000", "–", "0.500 / 0.600", "+0.0 %"]


def test_the_table_of_etth1_has_the_averages_that_its_sources_tell():
    figures = read_published("etth1")["figures"]
    mean = sum(pair[0] for pair in figures["patchtst"]["TFB"].values()) / 4
    assert mean == pytest.approx(0.4185)
    assert all(len(source) == 4 for model in figures.values() for source in model.values())


def test_a_table_that_is_not_there_is_refused():
    with pytest.raises(UserError, match="Did you mean 'etth1'"):
        read_published("etth")
