"""Files of which parts are in different encodings."""

import numpy as np
import pytest

from tsforecast.data.sources.csv import load
from tsforecast.errors import UserError
from tsforecast.tables import csv_table, encodings

LINES = [f"2024-01-01 {hour:02d}:00;{hour}.5;Größe" for hour in range(24)]


def write(folder, pieces):
    path = folder / "plant.csv"
    path.write_bytes(b"time;load;place\n" + b"".join(pieces))
    return str(path)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(csv_table, "BLOCK_BYTES", 200)
    monkeypatch.setattr(encodings, "BLOCK", 100)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("other", ["cp1252", "latin-1"])
def test_a_line_in_another_encoding_is_refused_by_its_number(tmp_path, other, end):
    pieces = [f"{line}{end}".encode(other if row == 20 else "utf8") for row, line in enumerate(LINES)]
    with pytest.raises(UserError, match=r"lines in UTF-8 \(line 2, .*other encoding \(line 22, .*Größe"):
        load(write(tmp_path, pieces), "load", categorical=["place"])


@pytest.mark.parametrize("encoding", ["utf8", "cp1252"])
def test_one_encoding_is_read(tmp_path, encoding):
    path = write(tmp_path, [f"{line}\n".encode(encoding) for line in LINES])
    series = load(path, "load", categorical=["place"], calendar=False)
    assert series.recipe.categories == {"place": ("Größe",)}
    np.testing.assert_array_equal(series.column("load"), 0.5 + np.arange(24))
